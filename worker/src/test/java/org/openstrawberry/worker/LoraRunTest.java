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
import java.util.function.ToDoubleFunction;
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
    private static final Path VECTORS = Path.of("../model/src/test/resources/vectors/models/llama");
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
        try (NDManager memory = Torch.start(1, "cpu")) {
            ModelDirectory base = ModelDirectory.open(run.directory("run").resolve("policy/base"));
            double[] expected =
                    new LogProbs(new Decoder(base.config())).sums(base.load(memory), chosen("run", 2), 1_000);
            assertThat(logps("run", 2, PairLogProbs::referenceChosen))
                    .containsExactly(expected, within(1e-4))
                    .isNotEqualTo(logps("run", 2, PairLogProbs::policyChosen));
        }
    }

    /** The adapters are PEFT's own, on a model of transformers. */
    @Test
    void aRunThatGoesOnFromPeftsAdaptersBeginsAsTheyAreAndKeepsThemAsItsReference() throws IOException {
        goOn("whole", VECTORS.resolve("lora_qv"), "until.iterations=4");
        goOn("parted", VECTORS.resolve("lora_qv"), "until.iterations=3");
        DurableFiles.deleteFolder(run.directory("parted").resolve("checkpoints/000003"));
        goOn("parted", VECTORS.resolve("lora_qv"), "until.iterations=4");

        assertThat(run.outcome("parted")).isEqualTo(run.outcome("whole"));
        try (NDManager memory = Torch.start(1, "cpu")) {
            ModelDirectory base = ModelDirectory.open(VECTORS);
            AdapterDirectory peft = AdapterDirectory.open(VECTORS.resolve("lora_qv"), base.config());
            Weights start =
                    new Adapter(peft.config(), base.config()).merged(base.load(memory), peft.load(memory), memory);
            LogProbs logProbs = new LogProbs(new Decoder(base.config()));
            assertThat(logps("whole", 1, PairLogProbs::policyChosen))
                    .isEqualTo(logps("whole", 1, PairLogProbs::referenceChosen))
                    .containsExactly(logProbs.sums(start, chosen("whole", 1), 1_000), within(1e-4));
            assertThat(logps("whole", 2, PairLogProbs::referenceChosen))
                    .containsExactly(logProbs.sums(start, chosen("whole", 2), 1_000), within(1e-4))
                    .isNotEqualTo(logps("whole", 2, PairLogProbs::policyChosen));
            AdapterDirectory result =
                    AdapterDirectory.open(run.directory("whole").resolve("policy/adapter"), base.config());
            assertThat(result.config()).isEqualTo(peft.config());
            assertThat(result.base())
                    .contains(VECTORS.toAbsolutePath().normalize().toString());
        }
    }

    @Test
    void adaptersThatDoNotFitAreToldBeforeAnyWork(@TempDir Path copies) throws IOException {
        String place = VECTORS.resolve("lora_qv").toAbsolutePath().normalize().toString();
        for (String given : List.of("rank: 8", "alpha: 16", "rank-stabilized: true", "targets: [q_proj]")) {
            Said other = Said.by(run.train("run", goingOn(VECTORS.resolve("lora_qv"), given)));
            String key = given.substring(0, given.indexOf(':'));
            assertThat(other.err())
                    .hasLineCount(1)
                    .contains("model.lora." + key + ": found " + given.substring(given.indexOf(':') + 2))
                    .contains("by the adapter_config.json of model.lora.from, " + place);
            assertThat(other.code()).isEqualTo(Main.BAD_INPUT);
        }
        String[] agreeing = goingOn(VECTORS.resolve("lora_qv"), "rank: 4, alpha: 8, targets: [v_proj, q_proj]");
        assertThat(Said.by(run.train("agreeing", agreeing)).code()).isZero();

        Said nowhere = Said.by(run.train("run", goingOn(copies.resolve("nowhere"), "")));
        assertThat(nowhere.err()).hasLineCount(1).contains("nowhere/adapter_config.json: no such file");

        Path foreign = copies.resolve("foreign");
        Files.createDirectories(foreign);
        Files.copy(VECTORS.resolve("lora_qv/adapter_model.safetensors"), foreign.resolve("adapter_model.safetensors"));
        Path reference = VECTORS.resolve("reference").toAbsolutePath();
        Files.writeString(
                foreign.resolve("adapter_config.json"),
                Files.readString(VECTORS.resolve("lora_qv/adapter_config.json"))
                        .replaceFirst(
                                "\"base_model_name_or_path\": [^,]*",
                                "\"base_model_name_or_path\": \"" + reference + "\""));
        Said otherBase = Said.by(run.train("run", goingOn(foreign, "")));
        assertThat(otherBase.err())
                .hasLineCount(1)
                .contains("model.lora.from: " + foreign + ": was made for the weights of " + reference);

        String[] warm = {"model.lora={from: " + foreign + "}"};
        assertThat(Said.by(run.train("run", warm)).err())
                .hasLineCount(1)
                .contains("model.lora.from: can't be set with a warmup");
    }

    private void goOn(String name, Path adapters, String... more) {
        List<String> settings = new ArrayList<>(List.of(goingOn(adapters, "")));
        settings.addAll(List.of(more));
        Said said = Said.by(run.train(name, settings.toArray(String[]::new)));
        assertThat(said.code()).as(said.err()).isZero();
    }

    private String[] goingOn(Path adapters, String more) {
        return new String[] {
            "model.policy=" + VECTORS.toAbsolutePath(),
            "model.lora={from: " + adapters.toAbsolutePath() + (more.isEmpty() ? "" : ", " + more) + "}",
            "warmup=null",
            "sampling.prompts=3",
            "reward.verifier={kind: length, to: 4, falloff: 20}",
            "optimizer.learning-rate=1e-2",
            "reference.every=3",
            "evaluation.every=100",
            "until.iterations=1"
        };
    }

    private List<Sequence> chosen(String name, int iteration) {
        return Json.readLines(iteration(name, iteration).resolve("pairs.jsonl"), PairLine.class).stream()
                .map(pair -> new Sequence(pair.promptIds(), pair.chosenIds()))
                .toList();
    }

    private double[] logps(String name, int iteration, ToDoubleFunction<PairLogProbs> side) {
        return Json.read(iteration(name, iteration).resolve("step.json"), StepFile.class).logps().orElseThrow().stream()
                .mapToDouble(side)
                .toArray();
    }

    private Path iteration(String name, int iteration) {
        return run.directory(name).resolve("iterations/00000" + iteration);
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
