package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.plan.GpuMemory;
import org.openstrawberry.activities.plan.RunPlan;
import org.openstrawberry.activities.policy.Probe;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Says what a run would take, before it is started. */
@Command(
        name = "plan",
        mixinStandardHelpOptions = true,
        description = "Show a run's settings and what it would take in memory, disk and time, without starting it.")
final class PlanCommand implements Callable<Integer> {
    private static final double PROBE_SECONDS = 10;

    private static final ObjectMapper JSON = JsonMapper.builder()
            .addModule(new Jdk8Module())
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();

    @Parameters(index = "0", paramLabel = "RUN.yaml", description = "The run file.")
    private @Nullable Path runFile;

    @Option(names = "--run-dir", paramLabel = "DIR", description = "Where the run would live; by default runs/NAME.")
    private @Nullable Path runDirectory;

    @Option(names = "--set", paramLabel = "path=value", description = "Overrides one setting; may be repeated.")
    private List<String> sets = List.of();

    @Option(
            names = "--no-probe",
            description = "Skip the ten seconds of generation and training that the time is estimated by.")
    private boolean noProbe;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        if (runFile == null) {
            throw new IllegalStateException("the command line lets no required parameter pass");
        }
        RunSpec spec = RunFile.read(runFile, sets);
        Path directory = runDirectory == null ? Path.of("runs", spec.name()) : runDirectory;
        Run run = RunSetup.check(spec);
        RunPlan plan = RunPlan.of(run, directory, noProbe ? Optional.empty() : Optional.of(probe(run)));
        if (json) {
            System.out.println(JSON.writeValueAsString(plan));
        } else {
            System.out.println(RunFile.toYaml(spec, directory.toAbsolutePath()));
            print(System.out, plan, spec);
        }
        return 0;
    }

    private static Probe.Speed probe(Run run) {
        try (Tensors tensors = new Tensors()) {
            return tensors.call(() -> Probe.measure(run, PROBE_SECONDS));
        }
    }

    private static void print(PrintStream out, RunPlan plan, RunSpec spec) {
        line(out, "parameters", "%,d, of which %,d are trained", plan.parameters(), plan.trained());
        out.println();
        out.println("memory, at most about");
        plan.memory().forEach((what, bytes) -> out.printf("  %-28s %10s%n", what, bytes(bytes)));
        out.printf("  %-28s %10s%n", "in all", bytes(plan.memoryInAll()));
        if (spec.model().device().equals("cpu")) {
            line(
                    out,
                    "this machine",
                    "%s, of which %s are available; %d processors",
                    bytes(plan.machine().memory()),
                    bytes(plan.machine().available()),
                    plan.machine().processors());
        } else {
            line(
                    out,
                    spec.model().device(),
                    "%s",
                    plan.gpu()
                            .map(gpu -> bytes(gpu.memory()) + ", of which " + bytes(gpu.available()) + " are available")
                            .orElse("its memory is not known here, since nvidia-smi does not tell it"));
        }
        if (available(plan, spec).filter(most -> plan.memoryInAll() > most).isPresent()) {
            out.println("  NOT ENOUGH: lower sampling.wave-rows or optimizer.micro-batch-tokens, set"
                    + " model.gradient-checkpointing, or train adapters (model.lora)");
        }
        out.println();
        line(
                out,
                "an iteration",
                "%,d thoughts of %,d tokens in all, %,d tokens trained on, %s of files",
                plan.thoughts(),
                plan.thoughtTokens(),
                plan.trainedTokens(),
                bytes(plan.diskAnIteration()));
        line(
                out,
                "the run directory",
                "%s after %d iterations; %s are free",
                bytes(plan.diskInAll()),
                spec.until().iterations(),
                bytes(plan.machine().disk()));
        if (plan.diskInAll() > plan.machine().disk()) {
            out.println("  NOT ENOUGH: lower checkpoints.keep-last or until.iterations, or take another --run-dir");
        }
        plan.time()
                .ifPresentOrElse(
                        time -> line(
                                out,
                                "time",
                                "%s in all: warm-up %s, an iteration %s, without what the reward takes (measured: %.0f"
                                        + " tokens/s written, %.0f trained on)",
                                time(time.inAll()),
                                time(time.warmUp()),
                                time(time.iteration()),
                                time.speed().writtenASecond(),
                                time.speed().trainedASecond()),
                        () -> out.println("time: not measured (--no-probe)"));
        out.println();
        out.println("the first prompts; the loss counts what is marked with +, not what is marked with |");
        plan.prompts().forEach(prompt -> {
            out.println();
            marked(out, "| ", prompt.text());
            marked(
                    out,
                    "+ ",
                    prompt.completion()
                            .orElse("(up to " + spec.sampling().maxNewTokens()
                                    + " tokens that the policy writes, its end token included)"));
        });
    }

    /** On the device where the tensors lie. */
    private static Optional<Long> available(RunPlan plan, RunSpec spec) {
        return spec.model().device().equals("cpu")
                ? Optional.of(plan.machine().available())
                : plan.gpu().map(GpuMemory::available);
    }

    private static void marked(PrintStream out, String mark, String text) {
        text.lines().forEach(line -> out.println(mark + line));
    }

    private static void line(PrintStream out, String name, String format, Object... values) {
        out.println(name + ": " + String.format(Locale.ROOT, format, values));
    }

    private static String bytes(long bytes) {
        double value = bytes;
        String unit = "B";
        for (String next : List.of("KiB", "MiB", "GiB", "TiB")) {
            if (value < 1024) {
                break;
            }
            value /= 1024;
            unit = next;
        }
        return String.format(Locale.ROOT, unit.equals("B") ? "%.0f %s" : "%.1f %s", value, unit);
    }

    private static String time(double seconds) {
        if (seconds < 60) {
            return String.format(Locale.ROOT, "%.1f s", seconds);
        }
        long minutes = Math.round(seconds / 60);
        return minutes < 120 ? minutes + " min" : Math.round(minutes / 60.0) + " h";
    }
}
