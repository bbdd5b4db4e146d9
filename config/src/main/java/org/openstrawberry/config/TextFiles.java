package org.openstrawberry.config;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.BiConsumer;

/** Reads the user's text files, whole or by lines; what cannot be read is the user's to mend and said by name. */
final class TextFiles {

    private static final String BYTE_ORDER_MARK = "\uFEFF";

    private TextFiles() {}

    /** Takes one line of a file. */
    interface LineConsumer {

        /**
         * @param number counted from 1
         * @param line without its end
         */
        void line(int number, String line);
    }

    /**
     * The whole file as text.
     *
     * @throws InvalidInputException if it is not there, cannot be read or is not UTF-8
     */
    static String read(Path file) {
        try {
            requireFile(file);
            return decode(Files.readAllBytes(file), file.toString());
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /**
     * Hands on every line of a file.
     *
     * @throws InvalidInputException if it is not there, cannot be read or is not UTF-8
     */
    static void forEachLine(Path file, LineConsumer consumer) {
        forEachLine(file, consumer, (line, e) -> {
            throw e;
        });
    }

    /**
     * Hands on every line of a file.
     *
     * @param broken takes what is wrong with a line that is not UTF-8
     * @throws InvalidInputException if it is not there or cannot be read
     */
    static void forEachLine(Path file, LineConsumer consumer, BiConsumer<Integer, InvalidInputException> broken) {
        try {
            requireFile(file);
            try (InputStream stream = new BufferedInputStream(Files.newInputStream(file))) {
                ByteArrayOutputStream line = new ByteArrayOutputStream();
                int number = 1;
                for (int next = stream.read(); next >= 0; next = stream.read()) {
                    if (next == '\n') {
                        hand(file, number, line, consumer, broken);
                        line.reset();
                        number++;
                    } else {
                        line.write(next);
                    }
                }
                if (line.size() > 0) {
                    hand(file, number, line, consumer, broken);
                }
            }
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static void hand(
            Path file,
            int number,
            ByteArrayOutputStream bytes,
            LineConsumer consumer,
            BiConsumer<Integer, InvalidInputException> broken) {
        String line;
        try {
            line = decode(bytes.toByteArray(), file + ":" + number);
        } catch (InvalidInputException e) {
            broken.accept(number, e);
            return;
        }
        consumer.line(number, line);
    }

    private static void requireFile(Path file) {
        if (Files.isDirectory(file)) {
            throw new InvalidInputException(file + ": is a directory; expected a file");
        }
    }

    // Strict: a replaced character would change a prompt silently.
    private static String decode(byte[] bytes, String place) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(bytes))
                    .toString();
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
        } catch (CharacterCodingException e) {
            throw new InvalidInputException(place + ": not valid UTF-8", e);
        }
    }

    private static InvalidInputException unreadable(Path file, IOException e) {
        if (e instanceof NoSuchFileException) {
            return new InvalidInputException(file + ": no such file", e);
        }
        String reason = e instanceof AccessDeniedException ? "permission denied" : String.valueOf(e.getMessage());
        return new InvalidInputException(file + ": cannot be read: " + reason.replaceAll("\\s+", " "), e);
    }
}
