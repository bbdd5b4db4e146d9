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
import org.openstrawberry.worker.report.Words;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Says what a run would take, before it is started. */
@Command(
        name = "plan",
        mixinStandardHelpOptions = true,
        description = {
            "Show what a run would take in time, memory and disk, without starting it.",
            "Its settings, with all defaults, are shown by validate --settings."
        })
final class PlanCommand implements Callable<Integer> {
    private static final double PROBE_SECONDS = 10;

    /** Columns for what a figure is of. */
    private static final int NAME = 13;

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
        plan.time()
                .ifPresentOrElse(
                        time -> line(
                                out,
                                "time",
                                "%s, without what the reward takes: %s%s an iteration",
                                Words.seconds(time.inAll()),
                                time.warmUp() == 0 ? "" : "warm-up " + Words.seconds(time.warmUp()) + ", then ",
                                Words.seconds(time.iteration())),
                        () -> line(out, "time", "not measured (--no-probe)"));
        line(out, "memory", "%s at most, %s", bytes(plan.memoryInAll()), memoryThereIs(plan, spec));
        if (available(plan, spec).filter(most -> plan.memoryInAll() > most).isPresent()) {
            notEnough(
                    out,
                    "lower sampling.wave-rows or optimizer.micro-batch-tokens,",
                    "set model.gradient-checkpointing, or train adapters (model.lora)");
        }
        line(
                out,
                "disk",
                "%s after %d iterations, of %s that are free",
                bytes(plan.diskInAll()),
                spec.until().iterations(),
                bytes(plan.machine().disk()));
        if (plan.diskInAll() > plan.machine().disk()) {
            notEnough(out, "lower checkpoints.keep-last or until.iterations, or take another", "--run-dir");
        }
        line(
                out,
                "an iteration",
                "%,d thoughts of %,d tokens in all; trains on %,d tokens; %s of files",
                plan.thoughts(),
                plan.thoughtTokens(),
                plan.trainedTokens(),
                bytes(plan.diskAnIteration()));
        plan.time()
                .map(RunPlan.Time::speed)
                .ifPresent(speed -> line(
                        out,
                        "speed",
                        "%,.0f tokens a second written, %,.0f trained on (measured)",
                        speed.writtenASecond(),
                        speed.trainedASecond()));
        line(out, "parameters", "%,d, of which %,d are trained", plan.parameters(), plan.trained());
        out.println();
        out.println("memory by part, at most about");
        plan.memory().forEach((what, bytes) -> out.printf("  %-28s %10s%n", what, bytes(bytes)));
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

    private static String memoryThereIs(RunPlan plan, RunSpec spec) {
        if (spec.model().device().equals("cpu")) {
            return "of %s that are available (%s in all; %d processors)"
                    .formatted(
                            bytes(plan.machine().available()),
                            bytes(plan.machine().memory()),
                            plan.machine().processors());
        }
        return plan.gpu()
                .map(gpu -> "of %s that are available on %s (%s in all)"
                        .formatted(bytes(gpu.available()), spec.model().device(), bytes(gpu.memory())))
                .orElse("on " + spec.model().device() + ", whose memory nvidia-smi does not tell");
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
        out.printf("%-" + NAME + "s %s%n", name, String.format(Locale.ROOT, format, values));
    }

    private static void notEnough(PrintStream out, String... remedy) {
        line(out, "", "NOT ENOUGH: %s", String.join("\n" + " ".repeat(NAME + 1), remedy));
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
}
