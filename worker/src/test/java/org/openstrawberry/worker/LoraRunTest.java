package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.activities.policy.StepFile;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.adapter.Adapter;
import org.openstrawberry.model.pretrained.AdapterDirectory;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.LogProbs;
import org.openstrawberry.model.training.PairLogProbs;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.worker.TrainCommandTest.Said;

/** A run that trains adapters. */
class LoraRunTest {
    private static final String LORA = "model.lora={rank: 2, targets: [q_proj, down_proj]}";

    private final TinyRun run;

    LoraRunTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void aRunThatIsPartedEndsWithTheWeightsOfOneThatIsNot() throws IOException {
        train("whole");
        train("parted", "until.iterations=3");
        // What is left are checkpoint 0 and the log: all steps are taken again.
        DurableFiles.deleteFolder(run.directory("parted").resolve("checkpoints/000003"));
        train("parted");

        assertThat(run.outcome("parted")).isEqualTo(run.outcome("whole"));
    }

    @Test
    void thePolicyIsTheBaseWithTheAdaptersThatStandBesideIt() throws IOException {
        train("run");
        Path policy = run.directory("run").resolve("policy");

        try (NDManager memory = Torch.start(1, "cpu")) {
            ModelDirectory base = ModelDirectory.open(policy.resolve("base"));
            AdapterDirectory adapters = AdapterDirectory.open(policy.resolve("adapter"), base.config());
            Weights stood = base.load(memory);
            Weights first = Weights.load(run.directory("run").resolve("checkpoints/000000/policy.safetensors"), memory);
            Weights result = ModelDirectory.open(policy).load(memory);
            Weights merged = new Adapter(adapters.config(), base.config()).merged(stood, adapters.load(memory), memory);
            List<String> changed = new ArrayList<>();
            for (String name : result.names()) {
                float[] now = result.get(name).toFloatArray();
                assertThat(merged.get(name).toFloatArray()).as(name).isEqualTo(now);
                assertThat(first.get(name).toFloatArray())
                        .as(name)
                        .isEqualTo(stood.get(name).toFloatArray());
                if (!Arrays.equals(now, stood.get(name).toFloatArray())) {
                    changed.add(name);
                }
            }
            assertThat(changed).isNotEmpty().allMatch(name -> name.matches(".*(q_proj|down_proj)\\.weight"));
        }
        assertThat(Files.exists(run.directory("run").resolve("checkpoints/000006/policy.safetensors")))
                .isFalse();
    }

    /** The second step's reference, which the third is the first to refresh; its policy has learnt something by then. */
    @Test
    void theReferenceIsTheBaseWithoutAdaptersUntilItsFirstRefresh() throws IOException {
        train("run", "until.iterations=2");
        Path iteration = run.directory("run").resolve("iterations/000002");
        List<Sequence> chosen = Json.readLines(iteration.resolve("pairs.jsonl"), PairLine.class).stream()
                .map(pair -> new Sequence(pair.promptIds(), pair.chosenIds()))
                .toList();

        List<PairLogProbs> found = Json.read(iteration.resolve("step.json"), StepFile.class)
                .logps()
                .orElseThrow();

        try (NDManager memory = Torch.start(1, "cpu")) {
            ModelDirectory base = ModelDirectory.open(run.directory("run").resolve("policy/base"));
            double[] expected = new LogProbs(new Decoder(base.config())).sums(base.load(memory), chosen, 1_000);
            assertThat(found.stream().mapToDouble(PairLogProbs::referenceChosen).toArray())
                    .containsExactly(expected, within(1e-4));
        }
        assertThat(found).anyMatch(pair -> Math.abs(pair.policyChosen() - pair.referenceChosen()) > 1e-2);
    }

    @Test
    void whatDoesNotFitIsToldBeforeAnyWork() {
        Said target = Said.by(run.train("run", "model.lora={targets: [qkv_proj]}"));
        assertThat(target.err()).hasLineCount(1).contains("model.lora.targets: target \"qkv_proj\" is no linear layer");
        assertThat(target.code()).isEqualTo(Main.BAD_INPUT);

        Said soft = Said.by(run.train("run", LORA, "reference.refresh=soft"));
        assertThat(soft.err()).hasLineCount(1).contains("reference.refresh: can't be soft with model.lora");
        assertThat(soft.code()).isEqualTo(Main.BAD_INPUT);
    }

    private void train(String name, String... more) {
        List<String> settings =
                new ArrayList<>(List.of(LORA, "optimizer.learning-rate=1e-2", "model.gradient-checkpointing=true"));
        settings.addAll(List.of(more));
        Said said = Said.by(run.train(name, settings.toArray(String[]::new)));
        assertThat(said.code()).as(said.err()).isZero();
    }
}
