package org.openstrawberry.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.InvalidInputException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * We as a peer of {@code benchmarks/peers}: gets ready, says so, then does one repetition for each line {@code go} and prints
 * what it took, as one JSON object a line. The protocol is in {@code benchmarks/peers/README.md}.
 */
@Command(
        name = "benchmarks/ours",
        mixinStandardHelpOptions = true,
        description = "Our side of benchmarks/peers: one repetition for each line \"go\" on standard input.")
public final class BenchmarkPeer implements Callable<Integer> {
    private static final int BAD_INPUT = 2;

    /** What can be measured. */
    enum What {
        GENERATE("generate"),
        DPO_STEP("dpo-step"),
        ITERATION("iteration");

        private final String written;

        What(String written) {
            this.written = written;
        }

        @Override
        public String toString() {
            return written;
        }
    }

    @Option(names = "--what", required = true, paramLabel = "WHAT", description = "generate, dpo-step or iteration.")
    private String what = "";

    @Option(names = "--model", required = true, paramLabel = "DIR", description = "A Hugging Face directory.")
    private @Nullable Path model;

    @Option(names = "--work", required = true, paramLabel = "FILE", description = "Prompts and completions.")
    private @Nullable Path work;

    @Option(names = "--prompts", required = true, paramLabel = "N")
    private int prompts;

    @Option(names = "--branches", required = true, paramLabel = "B")
    private int branches;

    @Option(names = "--prompt-tokens", required = true, paramLabel = "T")
    private int promptTokens;

    @Option(names = "--new-tokens", required = true, paramLabel = "G")
    private int newTokens;

    @Option(names = "--threads", paramLabel = "C", description = "Of one operation. Default: ${DEFAULT-VALUE}")
    private int threads = 2;

    @Option(
            names = "--warmup",
            paramLabel = "W",
            description = "Repetitions before it is ready. Default: ${DEFAULT-VALUE}")
    private int warmup = 2;

    @Option(names = "--dtype", paramLabel = "TYPE", description = "As model.dtype. Default: ${DEFAULT-VALUE}")
    private String dtype = "float32";

    @Option(
            names = "--server",
            paramLabel = "HOST:PORT",
            description = "Of iteration: a Temporal server; without it the one inside the process.")
    private Optional<String> server = Optional.empty();

    @Option(
            names = "--learning-rate",
            paramLabel = "R",
            description = "Of dpo-step and iteration. Default: ${DEFAULT-VALUE}")
    private double learningRate = 5e-7;

    private final InputStream in;
    private final PrintStream out;

    private BenchmarkPeer(InputStream in, PrintStream out) {
        this.in = in;
        this.out = out;
    }

    /** Runs the protocol on standard input and output; what libraries print goes to standard error. */
    public static void main(String[] arguments) {
        PrintStream out = System.out;
        System.setOut(System.err);
        System.exit(run(System.in, out, arguments));
    }

    static int run(InputStream in, PrintStream out, String... arguments) {
        CommandLine line = new CommandLine(new BenchmarkPeer(in, out));
        line.setExecutionExceptionHandler((e, command, parsed) -> {
            if (e instanceof InvalidInputException) {
                command.getErr().println(e.getMessage());
                return BAD_INPUT;
            }
            e.printStackTrace(command.getErr());
            return 1;
        });
        return line.execute(arguments);
    }

    @Override
    public Integer call() throws Exception {
        if (model == null || work == null) {
            throw new IllegalStateException("the command line lets no required option pass");
        }
        Task task = new Task(
                model.toAbsolutePath().normalize(),
                Work.read(work, prompts, branches, promptTokens, newTokens),
                threads,
                dtype,
                learningRate);
        try (Repetition repetition = open(task, work)) {
            for (int i = 0; i < warmup; i++) {
                repetition.run();
            }
            say(Map.of("ready", true));
            BufferedReader lines = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null && line.strip().equals("go"); line = lines.readLine()) {
                say(measured(repetition));
            }
        }
        return 0;
    }

    private Repetition open(Task task, Path workFile) throws Exception {
        String wanted = what;
        if (server.isPresent() && !wanted.equals(What.ITERATION.toString())) {
            throw new InvalidInputException("--server is for --what iteration");
        }
        for (What known : What.values()) {
            if (known.toString().equals(wanted)) {
                return switch (known) {
                    case GENERATE -> new Generation(task);
                    case DPO_STEP -> new TrainingStep(task);
                    case ITERATION ->
                        new Iteration(task, workFile.toAbsolutePath().resolveSibling("runs"), server);
                };
            }
        }
        throw new InvalidInputException("--what: found \"" + wanted + "\", expected generate, dpo-step or iteration");
    }

    private static Map<String, Object> measured(Repetition repetition) throws Exception {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        long processor = system.getProcessCpuTime();
        long start = System.nanoTime();
        Map<String, Double> more = repetition.run();
        double seconds = (System.nanoTime() - start) / 1e9;
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("seconds", seconds);
        line.put("cpu_seconds", (system.getProcessCpuTime() - processor) / 1e9);
        line.putAll(more);
        line.put("rss_peak_mb", peakMegabytes());
        return line;
    }

    /** Highest resident memory of this process so far, in MiB; 0 where the system does not tell. */
    private static double peakMegabytes() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return 0;
        }
        return Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToDouble(line -> Double.parseDouble(line.replaceAll("\\D", "")) / 1024)
                .findFirst()
                .orElse(0);
    }

    private void say(Map<String, ?> line) {
        out.println(Json.line(line));
        out.flush();
    }
}
