package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;

/** Writes a file with one JSON object a line, which appears under its name when it is whole. */
final class JsonlOutput {
    private static final ObjectMapper JSON = new ObjectMapper();

    private JsonlOutput() {}

    static ObjectNode line() {
        return JSON.createObjectNode();
    }

    static void write(Path file, List<ObjectNode> lines) {
        Path part = file.resolveSibling(file.getFileName() + ".part");
        try {
            // What is no plain file, such as /dev/stdout, cannot be replaced.
            boolean replaced = !Files.exists(file) || Files.isRegularFile(file);
            try (BufferedWriter out = Files.newBufferedWriter(replaced ? part : file)) {
                for (ObjectNode line : lines) {
                    out.write(JSON.writeValueAsString(line));
                    out.write('\n');
                }
            }
            if (replaced) {
                Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(new IOException(file + ": cannot be written: " + e, e));
        }
    }
}
