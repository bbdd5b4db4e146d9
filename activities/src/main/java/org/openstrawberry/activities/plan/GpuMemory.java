package org.openstrawberry.activities.plan;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * The memory of a GPU, as its driver's own program tells it: PyTorch's Java binding has no question for it.
 *
 * @param memory bytes in all
 * @param available bytes that nobody uses
 */
public record GpuMemory(long memory, long available) {
    private static final int PATIENCE_SECONDS = 10;
    private static final long MIB = 1L << 20;

    /**
     * Asks for a device's memory.
     *
     * @param device {@code cuda} or {@code cuda:N}
     * @return empty for another device, and where there is none to ask
     */
    static Optional<GpuMemory> of(String device) {
        if (!device.startsWith("cuda")) {
            return Optional.empty();
        }
        String index = device.contains(":") ? device.substring(device.indexOf(':') + 1) : "0";
        try {
            Process process = new ProcessBuilder(List.of(
                            "nvidia-smi",
                            "--query-gpu=memory.total,memory.free",
                            "--format=csv,noheader,nounits",
                            "--id=" + index))
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
            if (!ended) {
                process.destroyForcibly();
                return Optional.empty();
            }
            return process.exitValue() == 0
                    ? read(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                    : Optional.empty();
        } catch (IOException e) {
            return Optional.empty(); // no such program: then nobody knows
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    /** Of a line such as {@code 81559, 81004}, in MiB; empty where it is something else, such as {@code [N/A], [N/A]}. */
    static Optional<GpuMemory> read(String answer) {
        String[] values = answer.strip().split(",\\s*", -1);
        if (values.length != 2 || !values[0].matches("[0-9]{1,9}") || !values[1].matches("[0-9]{1,9}")) {
            return Optional.empty();
        }
        return Optional.of(new GpuMemory(Long.parseLong(values[0]) * MIB, Long.parseLong(values[1]) * MIB));
    }
}
