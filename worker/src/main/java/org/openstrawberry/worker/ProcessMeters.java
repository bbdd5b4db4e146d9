package org.openstrawberry.worker;

import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.FileDescriptorMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The process itself: Java's memory, threads and pauses, processors, files, and all of its memory, native too. */
final class ProcessMeters implements MeterBinder, AutoCloseable {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String RESIDENT = "VmRSS:";
    private static final double KIB = 1024;

    private final JvmGcMetrics pauses = new JvmGcMetrics();

    @Override
    public void bindTo(MeterRegistry meters) {
        List.of(
                        new JvmMemoryMetrics(),
                        new JvmThreadMetrics(),
                        pauses,
                        new ProcessorMetrics(),
                        new FileDescriptorMetrics(),
                        new UptimeMetrics())
                .forEach(binder -> binder.bindTo(meters));
        if (Files.isReadable(STATUS)) {
            Gauge.builder("process.resident.memory", ProcessMeters::resident)
                    .description("Memory of the process, Java's and what is native: the model and its tensors.")
                    .baseUnit("bytes")
                    .register(meters);
        }
    }

    private static double resident() {
        try (Stream<String> lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(RESIDENT))
                    .mapToDouble(line -> Double.parseDouble(line.replaceAll("[^0-9]", "")) * KIB)
                    .findFirst()
                    .orElse(Double.NaN);
        } catch (IOException e) {
            return Double.NaN;
        }
    }

    @Override
    public void close() {
        pauses.close();
    }
}
