package org.openstrawberry.model.safetensors;

import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.config.InvalidInputException;

/**
 * What a safetensors file says of itself: 8 bytes with the length of the JSON text that follows (little-endian), and the
 * JSON text, which gives for each tensor its type, shape and place among the bytes after it.
 *
 * @param tensors in the order of the text
 * @param metadata the text's {@code __metadata__}
 */
record Header(Map<String, Entry> tensors, Map<String, String> metadata) {
    static final int LENGTH_BYTES = 8;
    static final String METADATA = "__metadata__";
    /** The limit of the format's reference implementation: nothing longer is a header. */
    private static final long LONGEST = 100_000_000;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    Header {
        tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /**
     * @param start first byte, counted from the start of the file
     * @param bytes bytes in the file
     */
    record Entry(ElementType type, Shape shape, long start, long bytes) {}

    /** Reads and checks a header: every tensor's bytes lie in the file, fit its shape, and no byte is shared or unused. */
    static Header read(Path file, FileChannel channel) throws IOException {
        long size = channel.size();
        if (size < LENGTH_BYTES) {
            throw wrong(
                    file,
                    "truncated: found " + size + " bytes, expected at least the " + LENGTH_BYTES
                            + " of the header's length");
        }
        long length = readBytes(channel, 0, LENGTH_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .getLong();
        if (length < 2 || length > LONGEST) {
            throw wrong(
                    file,
                    "not a safetensors file: its header would be " + Long.toUnsignedString(length)
                            + " bytes long, expected 2 to " + LONGEST);
        }
        if (length > size - LENGTH_BYTES) {
            throw wrong(
                    file,
                    "truncated inside the header: found " + size + " bytes, expected at least "
                            + (length + LENGTH_BYTES));
        }
        JsonNode text = parse(file, readBytes(channel, LENGTH_BYTES, (int) length));
        Map<String, Entry> tensors = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> field : text.properties()) {
            if (field.getKey().equals(METADATA)) {
                field.getValue()
                        .properties()
                        .forEach(e -> metadata.put(e.getKey(), e.getValue().asText()));
            } else {
                tensors.put(field.getKey(), entry(file, field.getKey(), field.getValue(), LENGTH_BYTES + length));
            }
        }
        checkPlaces(file, tensors, LENGTH_BYTES + length, size);
        return new Header(tensors, metadata);
    }

    private static JsonNode parse(Path file, ByteBuffer text) {
        JsonNode node;
        try {
            node = JSON.readTree(text.array(), text.arrayOffset(), text.remaining());
        } catch (JsonProcessingException e) {
            throw new InvalidInputException(
                    file + ": not a safetensors file: its header is not JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new InvalidInputException(file + ": not a safetensors file: its header is not JSON", e);
        }
        if (!node.isObject()) {
            throw wrong(file, "not a safetensors file: its header is not a JSON object");
        }
        return node;
    }

    private static Entry entry(Path file, String name, JsonNode node, long dataStart) {
        String typeName = node.path("dtype").asText();
        ElementType type = ElementType.named(typeName)
                .orElseThrow(() -> wrong(
                        file,
                        "tensor \"" + name + "\": dtype: found \"" + typeName + "\", expected one of "
                                + Arrays.toString(ElementType.values())));
        long[] shape = longs(file, name, "shape", node.path("shape"));
        long[] offsets = longs(file, name, "data_offsets", node.path("data_offsets"));
        if (offsets.length != 2 || offsets[0] > offsets[1]) {
            throw wrong(
                    file,
                    "tensor \"" + name + "\": data_offsets: found " + Arrays.toString(offsets)
                            + ", expected a start and an end not before it");
        }
        long bytes;
        try {
            bytes = Arrays.stream(shape).reduce(type.bytes(), Math::multiplyExact);
        } catch (ArithmeticException e) {
            throw new InvalidInputException(
                    file + ": tensor \"" + name + "\": shape: " + Arrays.toString(shape) + " is too large", e);
        }
        if (bytes != offsets[1] - offsets[0]) {
            throw wrong(
                    file,
                    "tensor \"" + name + "\": found " + (offsets[1] - offsets[0]) + " bytes, expected " + bytes
                            + " for " + type + " of shape " + Arrays.toString(shape));
        }
        return new Entry(type, new Shape(shape), dataStart + offsets[0], bytes);
    }

    private static long[] longs(Path file, String tensor, String field, JsonNode node) {
        List<Long> numbers = new ArrayList<>();
        boolean good = node.isArray();
        for (JsonNode number : node) {
            good &= number.isIntegralNumber() && number.canConvertToLong() && number.longValue() >= 0;
            numbers.add(number.longValue());
        }
        if (!good) {
            throw wrong(
                    file,
                    "tensor \"" + tensor + "\": " + field + ": found " + node
                            + ", expected a list of whole numbers ≥ 0");
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    private static void checkPlaces(Path file, Map<String, Entry> tensors, long dataStart, long size) {
        long end = dataStart;
        List<Map.Entry<String, Entry>> byPlace = tensors.entrySet().stream()
                .sorted(Comparator.comparingLong(
                                (Map.Entry<String, Entry> e) -> e.getValue().start())
                        .thenComparingLong(e -> e.getValue().bytes()))
                .toList();
        for (Map.Entry<String, Entry> tensor : byPlace) {
            Entry entry = tensor.getValue();
            if (entry.start() != end) {
                throw wrong(
                        file,
                        "tensor \"" + tensor.getKey() + "\": starts at byte " + entry.start() + ", expected " + end
                                + (entry.start() < end ? " (it overlaps another tensor)" : " (a gap before it)"));
            }
            end = entry.start() + entry.bytes();
            if (end > size || end < entry.start()) {
                throw wrong(
                        file,
                        "truncated in tensor \"" + tensor.getKey() + "\": found " + size + " bytes, expected at least "
                                + Long.toUnsignedString(end));
            }
        }
        if (end != size) {
            throw wrong(file, "found " + size + " bytes, expected " + end + ": bytes after the last tensor");
        }
    }

    private static ByteBuffer readBytes(FileChannel channel, long position, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, position + bytes.position()) < 0) {
                throw new IOException("ended while it was read");
            }
        }
        return bytes.flip();
    }

    private static InvalidInputException wrong(Path file, String message) {
        return new InvalidInputException(file + ": " + message);
    }
}
