package org.openstrawberry.activities.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DateLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.EnumLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.JsonLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.MapLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.StringLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimestampLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;
import org.openstrawberry.config.DataSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRows;

/**
 * Prompts from Parquet, nested columns too. Dates and times become ISO texts, bytes that are no text Base64, and NaN, by which
 * data frames mark what is missing, null.
 */
final class ParquetPrompts {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private ParquetPrompts() {}

    static PromptRows read(Path file, DataSpec spec) {
        if (Files.notExists(file)) {
            throw new InvalidInputException(file + ": no such file");
        }
        PromptRows rows = new PromptRows(file, spec);
        ParquetReadOptions options = ParquetReadOptions.builder(new PlainParquetConfiguration())
                .withCodecFactory(new GzipOrLibrary())
                .build();
        try (ParquetFileReader reader = ParquetFileReader.open(new LocalInputFile(file), options)) {
            MessageType schema = reader.getFooter().getFileMetaData().getSchema();
            MessageColumnIO columns = new ColumnIOFactory().getColumnIO(schema);
            int row = 1;
            for (PageReadStore pages = reader.readNextRowGroup(); pages != null; pages = reader.readNextRowGroup()) {
                RecordReader<Group> records = columns.getRecordReader(pages, new GroupRecordConverter(schema));
                for (long i = 0; i < pages.getRowCount(); i++) {
                    rows.add(row++, object(records.read(), schema));
                }
            }
            return rows;
        } catch (InvalidInputException e) {
            throw e;
        } catch (IOException | RuntimeException | LinkageError e) {
            // A link error is a compression whose library is not here.
            throw new InvalidInputException(
                    file + ": can't be read as Parquet: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse(""),
                    e);
        }
    }

    private static ObjectNode object(Group group, GroupType type) {
        ObjectNode object = JSON.objectNode();
        for (int field = 0; field < type.getFieldCount(); field++) {
            Type column = type.getType(field);
            object.set(column.getName(), values(group, field, column));
        }
        return object;
    }

    private static JsonNode values(Group group, int field, Type type) {
        int count = group.getFieldRepetitionCount(field);
        if (type.isRepetition(Type.Repetition.REPEATED)) {
            ArrayNode list = JSON.arrayNode();
            for (int i = 0; i < count; i++) {
                list.add(value(group, field, i, type));
            }
            return list;
        }
        return count == 0 ? JSON.nullNode() : value(group, field, 0, type);
    }

    private static JsonNode value(Group group, int field, int index, Type type) {
        if (type.isPrimitive()) {
            return primitive(group, field, index, type.asPrimitiveType());
        }
        Group inner = group.getGroup(field, index);
        GroupType innerType = type.asGroupType();
        LogicalTypeAnnotation meaning = type.getLogicalTypeAnnotation();
        if (meaning instanceof ListLogicalTypeAnnotation) {
            return list(inner, innerType);
        }
        return meaning instanceof MapLogicalTypeAnnotation ? map(inner, innerType) : object(inner, innerType);
    }

    /** A list is a group of one repeated field, which holds the element or, in files of old, is it. */
    private static ArrayNode list(Group group, GroupType type) {
        ArrayNode list = JSON.arrayNode();
        Type repeated = type.getType(0);
        boolean wrapped = !repeated.isPrimitive() && repeated.asGroupType().getFieldCount() == 1;
        for (int i = 0; i < group.getFieldRepetitionCount(0); i++) {
            list.add(
                    wrapped
                            ? values(
                                    group.getGroup(0, i),
                                    0,
                                    repeated.asGroupType().getType(0))
                            : value(group, 0, i, repeated));
        }
        return list;
    }

    private static ObjectNode map(Group group, GroupType type) {
        ObjectNode map = JSON.objectNode();
        GroupType entry = type.getType(0).asGroupType();
        for (int i = 0; i < group.getFieldRepetitionCount(0); i++) {
            Group each = group.getGroup(0, i);
            map.set(values(each, 0, entry.getType(0)).asText(), values(each, 1, entry.getType(1)));
        }
        return map;
    }

    private static JsonNode primitive(Group group, int field, int index, PrimitiveType type) {
        LogicalTypeAnnotation meaning = type.getLogicalTypeAnnotation();
        return switch (type.getPrimitiveTypeName()) {
            case BOOLEAN -> JSON.booleanNode(group.getBoolean(field, index));
            case FLOAT -> number(Double.parseDouble(Float.toString(group.getFloat(field, index))));
            case DOUBLE -> number(group.getDouble(field, index));
            case INT32 -> whole(group.getInteger(field, index), meaning);
            case INT64 -> whole(group.getLong(field, index), meaning);
            case INT96 -> JSON.binaryNode(group.getInt96(field, index).getBytes());
            case BINARY, FIXED_LEN_BYTE_ARRAY -> {
                if (meaning instanceof DecimalLogicalTypeAnnotation decimal) {
                    BigInteger unscaled =
                            new BigInteger(group.getBinary(field, index).getBytes());
                    yield JSON.numberNode(new BigDecimal(unscaled, decimal.getScale()));
                }
                boolean text = meaning instanceof StringLogicalTypeAnnotation
                        || meaning instanceof EnumLogicalTypeAnnotation
                        || meaning instanceof JsonLogicalTypeAnnotation;
                yield text
                        ? JSON.textNode(group.getString(field, index))
                        : JSON.binaryNode(group.getBinary(field, index).getBytes());
            }
        };
    }

    private static JsonNode number(double value) {
        return Double.isNaN(value) ? JSON.nullNode() : JSON.numberNode(value);
    }

    private static JsonNode whole(long value, LogicalTypeAnnotation meaning) {
        if (meaning instanceof DecimalLogicalTypeAnnotation decimal) {
            return JSON.numberNode(BigDecimal.valueOf(value, decimal.getScale()));
        }
        if (meaning instanceof DateLogicalTypeAnnotation) {
            return JSON.textNode(LocalDate.ofEpochDay(value).toString());
        }
        if (meaning instanceof TimestampLogicalTypeAnnotation timestamp) {
            ChronoUnit unit =
                    switch (timestamp.getUnit()) {
                        case MILLIS -> ChronoUnit.MILLIS;
                        case MICROS -> ChronoUnit.MICROS;
                        case NANOS -> ChronoUnit.NANOS;
                    };
            return JSON.textNode(Instant.EPOCH.plus(value, unit).toString());
        }
        return JSON.numberNode(value);
    }
}
