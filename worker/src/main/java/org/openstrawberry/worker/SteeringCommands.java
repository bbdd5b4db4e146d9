package org.openstrawberry.worker;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.client.WorkflowExecutionMetadata;
import io.temporal.client.WorkflowNotFoundException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openstrawberry.config.Adjustment;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.worker.live.RunSource;
import org.openstrawberry.worker.live.RunSource.Shown;
import org.openstrawberry.worker.live.Served;
import org.openstrawberry.worker.live.WebOptions;
import org.openstrawberry.worker.report.Words;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.RunAttributes;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import reactor.core.publisher.Sinks;

/** The commands that look at runs on a server and steer them. */
final class SteeringCommands {
    private SteeringCommands() {}

    /** Shows a run until it ends. */
    @Command(name = "watch", mixinStandardHelpOptions = true, description = "Show a run live; Ctrl-C leaves it alone.")
    static final class Watch extends RunCommand {
        @Mixin
        private WebOptions web = new WebOptions();

        @Override
        int run(RunHandle run) {
            RunSpec spec = run.spec();
            Sinks.One<Boolean> left = Sinks.one();
            RunWatch.onInterrupt(() -> left.tryEmitValue(true));
            try (Served page = web.open(() -> new RunSource.One(new Shown(id(), run, Path.of(run.directory()))))) {
                Optional<RunResult> result = RunWatch.until(run, spec, left.asMono());
                result.ifPresent(
                        r -> System.out.println("Done after " + r.iteration() + " iterations: " + r.reason() + "."));
                return result.isPresent() ? 0 : Main.INTERRUPTED;
            }
        }
    }

    /** Shows where a run stands. */
    @Command(name = "show", mixinStandardHelpOptions = true, description = "Show where a run stands.")
    static final class Show extends RunCommand {
        @Override
        boolean steersRewardTraining() {
            return true;
        }

        @Override
        int run(RunHandle run) throws Exception {
            Progress progress = run.progress();
            String metrics = progress.last()
                    .map(row -> row.values().entrySet().stream()
                            .map(metric ->
                                    String.format(Locale.ROOT, "%n  %-28s %.5g", metric.getKey(), metric.getValue()))
                            .collect(Collectors.joining()))
                    .orElse("");
            print(
                    progress,
                    id() + ": "
                            + Stream.of(progress.state().written(), progress.phase())
                                    .distinct() // one that is paused is also in the phase of that name
                                    .collect(Collectors.joining(", "))
                            + ", iteration "
                            + progress.iteration() + " of " + progress.iterations()
                            + progress.secondsLeft()
                                    .map(left -> ", " + Words.seconds(left) + " left")
                                    .orElse("")
                            + progress.reason().map(reason -> ", " + reason).orElse("") + metrics);
            return 0;
        }
    }

    /** Pauses a run. */
    @Command(
            name = "pause",
            mixinStandardHelpOptions = true,
            description = "Finish the iteration under way, checkpoint, and wait.")
    static final class Pause extends RunCommand {
        @Override
        boolean steersRewardTraining() {
            return true;
        }

        @Override
        int run(RunHandle run) throws Exception {
            run.pause();
            print(run.progress(), id() + ": pausing");
            return 0;
        }
    }

    /** Goes on with a run that is paused. */
    @Command(
            name = "resume",
            mixinStandardHelpOptions = true,
            description = "Go on after a pause; or with a run that failed or was stopped, once the cause is mended.")
    static final class Resume extends RunCommand {
        @Override
        boolean steersRewardTraining() {
            return true;
        }

        @Override
        int run(RunHandle run) throws Exception {
            RunHandle resumed = run;
            try {
                run.resume();
            } catch (WorkflowNotFoundException e) {
                if (run.trainsRewardModel()) {
                    throw new InvalidInputException(
                            id() + ": has ended; the reward train command that started it goes on with it", e);
                }
                resumed = run.restart();
            }
            print(resumed.progress(), id() + ": going on");
            return 0;
        }
    }

    /** Ends a run with what it has learnt. */
    @Command(
            name = "stop",
            mixinStandardHelpOptions = true,
            description = "Finish the iteration under way, checkpoint, export the policy and end.")
    static final class Stop extends RunCommand {
        @Option(names = "--now", description = "End at once, in the middle of a step; ./strawberry resume goes on.")
        private boolean now;

        @Override
        boolean steersRewardTraining() {
            return true;
        }

        @Override
        int run(RunHandle run) throws Exception {
            if (now) {
                run.stopNow();
            } else {
                run.stop();
            }
            print(run.progress(), id() + ": stopping");
            return 0;
        }
    }

    /** Changes settings of a living run. */
    @Command(
            name = "adjust",
            mixinStandardHelpOptions = true,
            description = "Change settings, such as dpo.beta=0.2, from the next iteration on.")
    static final class Adjust extends RunCommand {
        @Parameters(index = "1..*", arity = "1..*", paramLabel = "path=value", description = "The changes.")
        private List<String> changes = List.of();

        @Override
        int run(RunHandle run) throws Exception {
            Map<String, Object> values = Adjustment.parse(changes);
            run.adjust(values);
            print(values, id() + ": from the next iteration on " + values);
            return 0;
        }
    }

    /** Waits for a run's result. */
    @Command(
            name = "result",
            mixinStandardHelpOptions = true,
            description = "Wait for a run's end and print its result.")
    static final class Result extends RunCommand {
        @Override
        int run(RunHandle run) throws Exception {
            RunResult result = run.result().blockOptional().orElseThrow();
            print(
                    result,
                    id() + ": " + result.reason() + " (iteration " + result.iteration() + "), policy "
                            + result.policySha256());
            return 0;
        }
    }

    /** Lists the server's runs. */
    @Command(name = "list", mixinStandardHelpOptions = true, description = "List the runs of a server.")
    static final class Runs implements Callable<Integer> {
        @Option(names = "--json", description = "Print one JSON object a line.")
        private boolean json;

        @Mixin
        private ServerOptions server = new ServerOptions();

        @Override
        public Integer call() throws Exception {
            ObjectMapper mapper = new ObjectMapper();
            try (Strawberry temporal = server.connect()) {
                List<WorkflowExecutionMetadata> runs = temporal.runs().toList();
                for (WorkflowExecutionMetadata run : runs) {
                    WorkflowExecution execution = run.getExecution();
                    Map<String, Object> line = new LinkedHashMap<>();
                    line.put("id", execution.getWorkflowId());
                    line.put(
                            "status",
                            run.getStatus()
                                    .name()
                                    .replace("WORKFLOW_EXECUTION_STATUS_", "")
                                    .toLowerCase(Locale.ROOT));
                    line.put("started", String.valueOf(run.getStartTime()));
                    line.put("task", run.getTypedSearchAttributes().get(RunAttributes.TASK));
                    line.put("phase", run.getTypedSearchAttributes().get(RunAttributes.PHASE));
                    line.put("iteration", run.getTypedSearchAttributes().get(RunAttributes.ITERATION));
                    Double accuracy = run.getTypedSearchAttributes().get(RunAttributes.ACCURACY);
                    line.put("accuracy", accuracy);
                    System.out.println(
                            json
                                    ? mapper.writeValueAsString(line)
                                    : String.format(
                                            Locale.ROOT,
                                            "%-24s %-12s %-10s iteration %s, accuracy %s",
                                            line.get("id"),
                                            line.get("status"),
                                            Objects.requireNonNullElse(line.get("phase"), "-"),
                                            Objects.requireNonNullElse(line.get("iteration"), "-"),
                                            accuracy == null ? "-" : String.format(Locale.ROOT, "%.3f", accuracy)));
                }
            }
            return 0;
        }
    }
}
