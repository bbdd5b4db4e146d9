package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDManager;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.policy.StepFile;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.worker.TrainCommandTest.Said;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunHandle;

/** Runs whose thoughts are sampled ahead of the steps, by the policy before the last one. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AheadRunTest {
    private static final String[] AHEAD = {"sampling.ahead=1", "checkpoints={every: 4, keep-last: 1}"};

    private final TinyRun run;
    private final Map<String, String> undisturbed;

    AheadRunTest(@TempDir Path folder) throws IOException {
        run = new TinyRun(folder);
        train("undisturbed", AHEAD);
        undisturbed = run.outcome("undisturbed");
    }

    @Test
    void itIsAnotherRunThanOneThatSamplesByTheNewestPolicy() {
        assertThat(undisturbed).isNotEqualTo(TinyRun.undisturbed());
    }

    @Test
    void thoughtsAndStepsNameTheIterationOfThePolicyThatSampled() {
        for (int iteration = 1; iteration <= 6; iteration++) {
            int policy = Math.max(0, iteration - 2);
            assertThat(thoughts("undisturbed", iteration))
                    .allMatch(line -> line.policy().equals(Optional.of(policy)));
            assertThat(step("undisturbed", iteration).sampledBy()).contains(policy);
        }
    }

    @Test
    void thoughtsAreThoseOfThePolicyBeforeTheLast() {
        train("kept", "sampling.ahead=1", "checkpoints={every: 1, keep-last: 9}", "sampling.shards=1");
        for (int iteration = 2; iteration <= 4; iteration++) {
            assertThat(wrote("kept", iteration))
                    .isEqualTo(generated("kept", iteration, iteration - 2))
                    .isNotEqualTo(generated("kept", iteration, iteration - 1));
        }
    }

    /** Of tokens that were sampled two policies ago, more than rounding is between sampler and learner. */
    @Test
    void theGapBetweenSamplerAndLearnerIsThatOfAStep() {
        assertThat(gap(1)).isLessThan(1e-5);
        for (int iteration = 2; iteration <= 6; iteration++) {
            assertThat(gap(iteration)).isGreaterThan(1e-5);
        }
    }

    @Test
    void anExtendedRunEqualsOneThatWasLongFromTheStart() throws IOException {
        train("extended", with("until.iterations=3"));
        train("extended", AHEAD);

        assertThat(run.outcome("extended")).isEqualTo(undisturbed);
        assertThat(run.metrics("extended").get(6))
                .isEqualTo(run.metrics("undisturbed").get(6));
    }

    /** As a kill may leave it: the record of an iteration is there, its followers' thoughts are half there or not at all. */
    @Test
    void aRunThatIsCutOffAnywhereGoesOnToTheSameEnd() throws IOException {
        for (int last = 1; last <= 5; last++) {
            String name = "cut-after-" + last;
            copy("undisturbed", name);
            Path directory = run.directory(name);
            for (String gone : List.of("result.json", "policy", "checkpoints/000006")) {
                DurableFiles.deleteFolder(directory.resolve(gone));
            }
            for (int iteration = last + 1; iteration <= 6; iteration++) {
                DurableFiles.deleteFolder(directory.resolve("iterations/00000" + iteration));
            }
            if (last < 4) {
                DurableFiles.deleteFolder(directory.resolve("checkpoints/000004"));
            }
            train(name, AHEAD);

            assertThat(run.outcome(name)).as(name).isEqualTo(undisturbed);
        }
    }

    @Test
    void aRunThatLostItsStepButNotTheThoughtsAfterItGoesOnToTheSameEnd() throws IOException {
        copy("undisturbed", "step-lost");
        Path directory = run.directory("step-lost");
        for (String gone : List.of(
                "result.json",
                "policy",
                "checkpoints/000006",
                "iterations/000005/iteration.json",
                "iterations/000005/step.json",
                "iterations/000006/thoughts-01.jsonl",
                "iterations/000006/pairs.jsonl",
                "iterations/000006/step.json",
                "iterations/000006/iteration.json")) {
            DurableFiles.deleteFolder(directory.resolve(gone));
        }
        train("step-lost", AHEAD);

        assertThat(run.outcome("step-lost")).isEqualTo(undisturbed);
    }

    @Test
    void twoWorkersComeToTheSameEnd() throws Exception {
        RunSpec spec = RunFile.read(run.file(), run.settings(AHEAD));
        Path directory = run.directory("two-workers");
        RunSetup.prepare(spec, directory);
        try (EmbeddedTemporal temporal = EmbeddedTemporal.start()) {
            WorkflowClient client = temporal.client();
            try (Tensors one = new Tensors();
                    Tensors other = new Tensors();
                    RunWorkers first = new RunWorkers(client, new SimpleMeterRegistry(), one, new Rewards());
                    RunWorkers second = new RunWorkers(client, new SimpleMeterRegistry(), other, new Rewards())) {
                first.start();
                second.start();
                RunHandle.start(client, "two-workers", TrainingInput.start(spec, directory.toString()))
                        .result()
                        .block();
            }
        }

        assertThat(run.outcome("two-workers")).isEqualTo(undisturbed);
    }

    @Test
    void adaptersAreSampledAheadToo() throws IOException {
        String[] settings = with("model.lora={rank: 4}", "until.iterations=4");
        train("adapters", settings);
        train("adapters-extended", with("model.lora={rank: 4}", "until.iterations=2"));
        train("adapters-extended", settings);

        assertThat(run.outcome("adapters-extended")).isEqualTo(run.outcome("adapters"));
    }

    private static String[] with(String... more) {
        return Stream.concat(Arrays.stream(AHEAD), Arrays.stream(more)).toArray(String[]::new);
    }

    private void train(String name, String... settings) {
        Said said = Said.by(run.train(name, settings));
        assertThat(said.code()).as(said.err()).isZero();
    }

    private void copy(String from, String to) throws IOException {
        try (Stream<Path> files = Files.walk(run.directory(from))) {
            for (Path file : files.filter(path -> !path.endsWith(".lock")).toList()) {
                Path target = run.directory(to).resolve(run.directory(from).relativize(file));
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    Files.copy(file, target);
                }
            }
        }
    }

    private double gap(int iteration) {
        return step("undisturbed", iteration)
                .metrics()
                .getOrDefault("sampling/sampling_logp_difference/mean", Double.NaN);
    }

    private StepFile step(String name, int iteration) {
        return Json.read(run.directory(name).resolve("iterations/00000" + iteration + "/step.json"), StepFile.class);
    }

    private List<ThoughtLine> thoughts(String name, int iteration) {
        List<ThoughtLine> lines = new ArrayList<>();
        Path folder = run.directory(name).resolve("iterations/00000" + iteration);
        for (String shard : List.of("thoughts-00.jsonl", "thoughts-01.jsonl")) {
            if (Files.exists(folder.resolve(shard))) {
                lines.addAll(Json.readLines(folder.resolve(shard), ThoughtLine.class));
            }
        }
        return lines;
    }

    private List<String> wrote(String name, int iteration) {
        return thoughts(name, iteration).stream()
                .map(line -> Arrays.toString(line.ids()))
                .toList();
    }

    /** What the policy of a checkpoint writes to the prompts of an iteration. */
    private List<String> generated(String name, int iteration, int policy) {
        Path directory = run.directory(name);
        ModelDirectory base = ModelDirectory.open(directory.resolve("policy"));
        List<GenerationRequest> wave = Json.readLines(
                        directory.resolve("iterations/00000" + iteration + "/prompts.jsonl"), PromptLine.class)
                .stream()
                .map(line -> new GenerationRequest(line.prompt(), line.ids(), 6))
                .toList();
        RunSpec spec = RunFile.read(directory.resolve("run.yaml"), List.of());
        SamplingSettings sampling = new SamplingSettings(spec.sampling().temperature(), 0, 1, 0, 12);
        try (NDManager memory = Torch.start(spec.model().threads(), "cpu")) {
            Weights weights =
                    Weights.load(directory.resolve("checkpoints/00000" + policy + "/policy.safetensors"), memory);
            return new Generator(new Decoder(base.config()), base.eosIds())
                    .generate(weights, wave, sampling, Philox.seed(spec.seed(), "thoughts"), iteration).stream()
                            .flatMap(List::stream)
                            .map(completion -> Arrays.toString(completion.ids()))
                            .toList();
        }
    }
}
