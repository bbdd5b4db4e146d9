package org.openstrawberry.activities.data;

import java.nio.file.Path;
import java.util.Locale;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.DataSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.PromptRows;

/** Reads prompts by the format that the file's name tells: CSV, Parquet, or else JSON lines. */
public final class PromptFiles {
    private PromptFiles() {}

    /**
     * Reads all rows.
     *
     * @throws InvalidInputException if the file can't be read, or a row is at fault and not left out
     */
    public static PromptRows read(Path file, DataSpec spec) {
        String name = file.toString().toLowerCase(Locale.ROOT);
        if (PromptRow.isParquet(file)) {
            return ParquetPrompts.read(file, spec);
        }
        if (name.endsWith(".csv")) {
            return CsvPrompts.read(file, ',', spec);
        }
        if (name.endsWith(".tsv")) {
            return CsvPrompts.read(file, '\t', spec);
        }
        return DataFiles.readPrompts(file, spec);
    }
}
