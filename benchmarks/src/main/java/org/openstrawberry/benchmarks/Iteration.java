package org.openstrawberry.benchmarks;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.common.SimplePlugin;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.rewards.LocalClassifiers;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.WorkerFile;
import org.openstrawberry.worker.EmbeddedTemporal;
import org.openstrawberry.worker.RunLog;
import org.openstrawberry.worker.RunWorkers;
import org.openstrawberry.workflows.client.RunHandle;
import org.openstrawberry.workflows.client.Strawberry;
import org.openstrawberry.workflows.client.Strawberry.OnRunning;

/**
 * One iteration of a live run: the workflow on a Temporal server, the steps by a worker in this process, the run directory
 * on disk. The run is held between iterations by its {@link Gate}.
 */
final class Iteration implements Repetition {
    private final Path folder;
    private final Gate gate;
    private final AutoCloseable server;
    private final Tensors tensors = new Tensors();
    private final Rewards rewards = new Rewards(new LocalClassifiers(tensors));
    private final RunWorkers workers;
    private final RunHandle run;

    /**
     * Starts the run and lets it come to its first iteration.
     *
     * @param parent where the run's folder is made: a disk of the kind that runs live on
     * @param address of a Temporal server; empty for the one in this process
     */
    Iteration(Task task, Path parent, Optional<String> address) throws IOException, InterruptedException {
        Work work = task.work();
        int sequences = work.prompts().size() * work.branches();
        Files.createDirectories(parent);
        folder = Files.createTempDirectory(parent, "run-").toAbsolutePath();
        RunSpec spec = RunFile.read(runFile(task), List.of());
        Path directory = folder.resolve("run");
        RunSetup.prepare(spec, directory);
        RunLog.into(directory);
        gate = new Gate(sequences * work.newTokens(), sequences / 2);
        WorkflowClientOptions options = WorkflowClientOptions.newBuilder()
                .setPlugins(SimplePlugin.newBuilder("gate")
                        .addWorkerInterceptors(gate)
                        .build())
                .build();
        Strawberry connection;
        if (address.isPresent()) {
            connection = Strawberry.connect(
                    WorkflowServiceStubsOptions.newBuilder()
                            .setTarget(address.get())
                            .build(),
                    options);
            server = connection;
            RunSetup.claim(directory, connection.address(), spec.name());
            workers = new RunWorkers(
                    connection.client(),
                    new SimpleMeterRegistry(),
                    tensors,
                    rewards,
                    EnumSet.allOf(RunWorkers.Role.class),
                    WorkerFile.read(Optional.empty(), List.of(), List.of()),
                    Optional.of(connection.address()));
        } else {
            EmbeddedTemporal embedded = EmbeddedTemporal.start(options);
            connection = embedded.connection();
            server = embedded;
            workers = new RunWorkers(connection.client(), new SimpleMeterRegistry(), tensors, rewards);
        }
        workers.start();
        run = connection.start(spec.name(), spec, directory.toString(), OnRunning.FAIL);
        run.result()
                .subscribe(
                        result -> gate.fail("the run ended: " + result.reason()),
                        e -> gate.fail("the run failed: " + e));
        gate.await();
    }

    @Override
    public Map<String, Double> run() throws InterruptedException {
        return gate.iteration();
    }

    @Override
    public void close() throws Exception {
        try (server) {
            run.stopNow();
            gate.fail("the benchmark has ended");
            workers.close();
            rewards.close();
            tensors.close();
        } finally {
            DurableFiles.deleteFolder(folder);
        }
    }

    /** The settings, beside the prompts. No completion ends before its time, so that all peers do the same work. */
    private Path runFile(Task task) throws IOException {
        Work work = task.work();
        StringBuilder prompts = new StringBuilder();
        for (Work.Prompt prompt : work.prompts()) {
            prompts.append(Json.line(Map.of("prompt", prompt.text()))).append('\n');
        }
        Files.writeString(folder.resolve("prompts.jsonl"), prompts);
        Path file = folder.resolve(folder.getFileName() + ".yaml");
        return Files.writeString(file, """
                model: { policy: %s, dtype: %s, threads: %d }
                data: { prompts: prompts.jsonl }
                sampling: { prompts: %d, branches: %d, temperature: 1.0, min-new-tokens: %d, max-new-tokens: %d, shards: 1 }
                reward: { java: { name: %s } }
                pairs: { per-prompt: %d }
                dpo: { loss: sigmoid, beta: %s }
                optimizer: { kind: adamw, learning-rate: %s, weight-decay: 0.0, clip-norm: %s, micro-batch-tokens: %d }
                reference: { refresh: never }
                until: { iterations: 1000000 }
                checkpoints: { every: 1000000 }
                """.formatted(
                        Json.line(task.model().toAbsolutePath().toString()),
                        task.dtype(),
                        task.threads(),
                        work.prompts().size(),
                        work.branches(),
                        work.newTokens(),
                        work.newTokens(),
                        EvenLetters.NAME,
                        work.branches() / 2,
                        Task.BETA,
                        task.learningRate(),
                        Task.CLIP_NORM,
                        Task.MICRO_BATCH_TOKENS));
    }
}
