package org.openstrawberry.activities.plan;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What this machine, or the container that this process runs in, has.
 *
 * @param memory bytes in all
 * @param available bytes that programs may still take
 * @param disk bytes that are free where the run directory would lie
 * @param processors that this process may use
 */
public record Machine(long memory, long available, long disk, int processors) {
    private static final Path MEMORY_INFO = Path.of("/proc/meminfo");

    static Machine here(Path runDirectory) {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long total = system.getTotalMemorySize();
        try {
            long available = withCaches().orElse(system.getFreeMemorySize());
            FileStore disk = Files.getFileStore(existing(runDirectory.toAbsolutePath()));
            return new Machine(
                    total,
                    Math.min(total, available),
                    disk.getUsableSpace(),
                    Runtime.getRuntime().availableProcessors());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Linux counts memory that only caches files as taken, though it gives it away when asked. */
    private static Optional<Long> withCaches() throws IOException {
        if (!Files.isReadable(MEMORY_INFO)) {
            return Optional.empty();
        }
        try (Stream<String> lines = Files.lines(MEMORY_INFO)) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024)
                    .findFirst();
        }
    }

    private static Path existing(Path path) {
        Path here = path;
        while (!Files.exists(here) && here.getParent() != null) {
            here = here.getParent();
        }
        return here;
    }
}
