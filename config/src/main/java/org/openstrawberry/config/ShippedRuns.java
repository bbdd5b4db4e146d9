package org.openstrawberry.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;

/** The run files that come with the program, each with its data and model; they lie on the class path below {@code runs/}. */
public final class ShippedRuns {

    private static final String SUFFIX = ".yaml";

    private ShippedRuns() {}

    /** Names of the shipped runs. */
    public static List<String> names() {
        return files().stream()
                .filter(file -> file.endsWith(SUFFIX) && file.indexOf('/') < 0)
                .map(file -> file.substring(0, file.length() - SUFFIX.length()))
                .toList();
    }

    /**
     * Copies a run file and all that it needs, byte for byte. Files that are already there are left as they are.
     *
     * @param name one of {@link #names()}
     * @param targetDirectory made if it is not there; nothing half-copied is left in it under a file's own name
     * @return the copied run file
     * @throws InvalidInputException if there is no such run, a file of other content is already there, or the directory
     *     cannot be written
     */
    public static Path copyTo(String name, Path targetDirectory) {
        if (!names().contains(name)) {
            throw new InvalidInputException(
                    name + ": no shipped run of that name; there are: " + String.join(", ", names()));
        }
        for (String file : files()) {
            if (file.equals(name + SUFFIX) || file.startsWith(name + "/") || file.equals(RunFileSchema.FILE)) {
                copy(file, targetDirectory.resolve(file));
            }
        }
        return targetDirectory.resolve(name + SUFFIX);
    }

    // A jar cannot be listed by the class loader: the files are named in one of them.
    private static List<String> files() {
        return new String(resource("files.txt"), StandardCharsets.UTF_8)
                .lines()
                .filter(line -> !line.isBlank())
                .toList();
    }

    private static void copy(String file, Path target) {
        byte[] content = resource(file);
        try {
            if (Files.exists(target)) {
                if (!Files.isRegularFile(target) || !Arrays.equals(Files.readAllBytes(target), content)) {
                    throw new InvalidInputException(target
                            + ": differs from the shipped file of that name; move it away to use the shipped run");
                }
                return;
            }
            Path folder = target.toAbsolutePath().getParent();
            if (folder == null) {
                throw new IllegalStateException("a file without a folder: " + target);
            }
            Files.createDirectories(folder);
            Path temporary = Files.createTempFile(folder, "." + target.getFileName(), ".tmp");
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.WRITE)) {
                ByteBuffer bytes = ByteBuffer.wrap(content);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (AccessDeniedException e) {
            throw new InvalidInputException(e.getFile() + ": cannot be written: permission denied", e);
        } catch (FileAlreadyExistsException | NotDirectoryException e) {
            throw new InvalidInputException(e.getFile() + ": is a file; expected a directory", e);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target, e);
        }
    }

    private static byte[] resource(String file) {
        try (InputStream stream = ShippedRuns.class.getResourceAsStream("/runs/" + file)) {
            if (stream == null) {
                throw new IllegalStateException("runs/" + file + " is missing on the class path");
            }
            return stream.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read runs/" + file, e);
        }
    }
}
