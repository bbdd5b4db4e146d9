package org.openstrawberry.activities.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.config.InvalidInputException;

/**
 * Keeps two processes from working on one run. The operating system holds the lock, so that it goes with the process,
 * however that ends.
 */
public final class RunLock implements AutoCloseable {
    private final FileChannel channel;

    private RunLock(FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Locks a run directory, which it creates if need be.
     *
     * @throws InvalidInputException if a living process holds it, or the directory can't be written
     */
    public static RunLock acquire(Path runDirectory) {
        Path file = runDirectory.resolve(RunLayout.LOCK);
        try {
            Files.createDirectories(runDirectory);
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            if (tryLock(channel) == null) {
                String holder = Files.readString(file).strip();
                channel.close();
                throw new InvalidInputException(runDirectory + ": in use by process " + holder
                        + "; expected a run directory that nobody works on");
            }
            channel.write(
                    ByteBuffer.wrap(Long.toString(ProcessHandle.current().pid()).getBytes(StandardCharsets.US_ASCII)),
                    0);
            channel.truncate(Long.toString(ProcessHandle.current().pid()).length());
            return new RunLock(channel);
        } catch (IOException e) {
            throw new InvalidInputException(
                    runDirectory + ": can't be written (" + e.getClass().getSimpleName() + ": " + e.getMessage()
                            + "); expected a directory to write the run into",
                    e);
        }
    }

    private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
        try {
            return channel.tryLock();
        } catch (OverlappingFileLockException e) {
            return null;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
