package org.openstrawberry.worker.examples;

import io.temporal.client.WorkflowClientOptions;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.Progress;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.client.Strawberry.OnRunning;
import reactor.core.publisher.Mono;

/** Starts a run on a Temporal server from a program, steers it and waits for its end. */
public final class TrainFromCode {
    private TrainFromCode() {}

    // tag::main[]
    /** Starts the run, or attaches to it where it is running already. */
    public static void main(String[] arguments) {
        RunSpec spec = RunFile.read(Path.of("my-run.yaml"), List.of("seed=2"));
        Path directory = Path.of("runs/my-run").toAbsolutePath();
        WorkflowServiceStubsOptions server = WorkflowServiceStubsOptions.newBuilder()
                .setTarget("127.0.0.1:7233")
                .build();
        try (Strawberry strawberry = Strawberry.connect(server, WorkflowClientOptions.getDefaultInstance())) {
            RunHandle run = strawberry.start("my-run", spec, directory.toString(), OnRunning.ATTACH);
            RunResult result = watch(run);
            System.out.println(result.reason() + ": " + directory.resolve(result.policy()));
        }
    }
    // end::main[]

    // tag::watch[]
    /** Prints each finished iteration until the run ends; a run that fails throws its reason. */
    public static RunResult watch(RunHandle run) {
        Mono<RunResult> result = run.result().cache();
        return run.progress(Duration.ofSeconds(1))
                .takeUntilOther(result)
                .distinctUntilChanged(Progress::iteration)
                .doOnNext(progress -> System.out.println("iteration " + progress.iteration() + ", " + progress.phase()))
                .then(result)
                .blockOptional()
                .orElseThrow();
    }
    // end::watch[]

    // tag::steer[]
    /** Holds a run after the iteration under way, and lets it go on with another β. */
    public static void changeBeta(RunHandle run, double beta) {
        run.pause();
        run.progress(Duration.ofMillis(200))
                .filter(progress -> progress.state() == Progress.State.PAUSED)
                .blockFirst();
        run.adjust(Map.of("dpo.beta", beta));
        run.resume();
    }
    // end::steer[]

    // tag::spec[]
    /** The same checks and defaults as a run file has. */
    public static RunSpec spec(Path data) {
        return RunFile.of(Map.of(
                "name", "sums",
                "seed", 2,
                "model.policy", data.resolve("base"),
                "data", Map.of("prompts", data.resolve("train.jsonl"), "held-out", data.resolve("heldout.jsonl")),
                "reward.verifier", Map.of("kind", "numeric", "after", "="),
                "optimizer.betas", List.of(0.9, 0.98),
                "until.iterations", 3));
    }
    // end::spec[]
}
