package org.openstrawberry.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.config.RunFile.Difference;

class RunFileTest {

    private static final String SMALLEST = """
            model: { policy: base/ }
            data: { prompts: train.jsonl }
            reward: { verifier: { kind: numeric } }
            """;

    private final Path folder;

    RunFileTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void everyOtherSettingHasADefault() throws IOException {
        RunSpec spec = read(SMALLEST);

        assertThat(spec)
                .isEqualTo(new RunSpec(
                        "run",
                        0,
                        new ModelSpec(inFolder("base"), ModelSpec.Dtype.FLOAT32, "cpu", 2, false, Optional.empty()),
                        Optional.empty(),
                        new DataSpec(
                                inFolder("train.jsonl"),
                                Optional.empty(),
                                "prompt",
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                false,
                                Optional.of(DataSpec.OnError.FAIL)),
                        new SamplingSpec(
                                16, 4, 1, 0, 1, 0, 0, 48, 2, SamplingSpec.Branching.FLAT, 0, 256, Optional.empty()),
                        RewardSpec.of(new VerifierSpec.Numeric("answer", "", false, false, false, 0, 0), 0.5),
                        PairsSpec.of(1, PairOrder.RANK),
                        DpoSpec.of(LossKind.SIGMOID, 0.1),
                        new OptimizerSpec(
                                OptimizerSpec.Kind.ADAMW,
                                2e-4,
                                List.of(0.9, 0.999),
                                1e-8,
                                0,
                                0,
                                OptimizerSpec.Decay.MATRICES,
                                1,
                                new ScheduleSpec(ScheduleSpec.Kind.CONSTANT, 0, 0),
                                8192,
                                Optional.empty(),
                                Optional.of(1),
                                0),
                        new ReferenceSpec(ReferenceSpec.Refresh.EVERY, 5, 0.6),
                        new UntilSpec(
                                100,
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty(),
                                Optional.empty()),
                        new EvaluationSpec(10, 1, Optional.empty()),
                        new CheckpointSpec(10, 2, 0),
                        Optional.of(new HealthSpec(
                                HealthSpec.Action.WARN,
                                Optional.of(20.0),
                                Optional.of(0.05),
                                Optional.of(0.1),
                                Optional.of(0.5),
                                Optional.of(1e-6),
                                Optional.of(8.0),
                                Optional.of(0.125),
                                Optional.of(3.0),
                                Optional.of(20.0),
                                Optional.of(5)))));
    }

    @Test
    void warmupHasDefaultsOnceItIsThere() throws IOException {
        RunSpec spec = read(SMALLEST + "warmup: { data: warmup.jsonl }\n");

        assertThat(spec.warmup())
                .contains(new WarmupSpec(
                        inFolder("warmup.jsonl"),
                        800,
                        64,
                        1e-3,
                        List.of(0.9, 0.98),
                        0.01,
                        1,
                        new ScheduleSpec(ScheduleSpec.Kind.LINEAR, 50, 0.1),
                        8192,
                        100));
    }

    @Test
    void verifiersHaveTheDefaultsOfTheirKind() throws IOException {
        assertThat(read(SMALLEST, "reward.verifier.kind=exact").reward().verifier())
                .contains(new VerifierSpec.Exact("answer", false, false, false, true));
        assertThat(read(SMALLEST, "reward.verifier={kind: regex, pattern: '=[0-9]$'}")
                        .reward()
                        .verifier())
                .contains(new VerifierSpec.Regex("=[0-9]$", false));
    }

    @Test
    void anotherKindOfVerifierLeavesTheSettingsOfTheOldOneBehind() throws IOException {
        String numeric = SMALLEST.replace("kind: numeric", "kind: numeric, after: '=', once: true");

        assertThat(read(numeric, "reward.verifier.pattern=x", "reward.verifier.kind=regex")
                        .reward()
                        .verifier())
                .contains(new VerifierSpec.Regex("x", false));
        assertThat(read(numeric, "reward.verifier.require-eos=true").reward().verifier())
                .contains(new VerifierSpec.Numeric("answer", "=", false, true, true, 0, 0));
    }

    @Test
    void optionsOverrideTheFileAndTheLastOneCounts() throws IOException {
        RunSpec spec = read(SMALLEST + "dpo: { beta: 0.3 }\n", "dpo.beta=0.4", "dpo.beta=0.5", "until.wall-time=90m");

        assertThat(spec.dpo().beta()).isEqualTo(0.5);
        assertThat(spec.until().wallTimeLimit()).contains(Duration.ofMinutes(90));
    }

    @Test
    void nullRemovesAnOptionalSettingOrBlock() throws IOException {
        String file = SMALLEST + "warmup: { data: warmup.jsonl }\nuntil: { loss-below: 0.1 }\n";

        RunSpec spec = read(file, "warmup=null", "until.loss-below=null", "until.plateau=~", "model.lora=null");

        assertThat(spec.warmup()).isEmpty();
        assertThat(spec.until().lossBelow()).isEmpty();
    }

    @Test
    void adaptersThatGoOnFromOthersHaveNoDefaultsOfTheirOwn() throws IOException {
        LoraSpec fresh = read(SMALLEST, "model.lora={rank: 4}").model().lora().orElseThrow();
        assertThat(fresh.rank()).contains(4);
        assertThat(fresh.targets()).contains(List.of("all-linear"));

        LoraSpec goesOn = read(SMALLEST, "model.lora={from: mine, alpha: 8}")
                .model()
                .lora()
                .orElseThrow();
        assertThat(goesOn.from()).contains(Path.of("mine").toAbsolutePath().toString());
        assertThat(goesOn.rank()).isEmpty();
        assertThat(goesOn.targets()).isEmpty();
        assertThat(goesOn.alpha()).contains(8.0);
    }

    @Test
    void numbersMayBeWrittenInEveryUsualWay() throws IOException {
        for (String number : List.of("1e-3", "1.0e-3", "1E-3", "0.001", ".001", "1.0E-03")) {
            assertThat(read(SMALLEST + "optimizer: { learning-rate: " + number + " }\n")
                            .optimizer()
                            .learningRate())
                    .as(number)
                    .isEqualTo(0.001);
            assertThat(read(SMALLEST, "dpo.beta=" + number).dpo().beta())
                    .as(number)
                    .isEqualTo(0.001);
        }
        assertThat(read(SMALLEST, "seed=-9223372036854775808").seed()).isEqualTo(Long.MIN_VALUE);
        assertThat(read(SMALLEST, "until.kl-above=2").until().klAbove()).contains(2.0);
    }

    @Test
    void aliasesAndPlainWordsOfOlderYamlAreTexts() throws IOException {
        RunSpec spec =
                read(SMALLEST.replace("kind: numeric", "kind: numeric, answer-field: &field no") + "name: *field\n");

        assertThat(spec.name()).isEqualTo("no");
    }

    @Test
    void pathsAreRelativeToTheFileAndInOptionsToTheWorkingDirectory() throws IOException {
        RunSpec spec = read(
                SMALLEST.replace("base/", "../models/./base") + "name: paths\n", "data.held-out=some/heldout.jsonl");

        assertThat(spec.model().policy())
                .isEqualTo(folder.resolveSibling("models/base").toString());
        assertThat(spec.data().prompts()).isEqualTo(inFolder("train.jsonl"));
        assertThat(spec.data().heldOut())
                .contains(Path.of("some/heldout.jsonl").toAbsolutePath().toString());
        assertThat(read(SMALLEST.replace("base/", "/models/base")).model().policy())
                .isEqualTo(Path.of("/models/base").toAbsolutePath().toString());
    }

    @Test
    void theNameIsThatOfTheFileUnlessItIsGiven() throws IOException {
        Path file = Files.writeString(folder.resolve("my-own.yaml"), SMALLEST);

        assertThat(RunFile.read(file, List.of()).name()).isEqualTo("my-own");
        assertThat(RunFile.read(file, List.of("name=other")).name()).isEqualTo("other");
    }

    @Test
    void whatIsWrittenIsReadAsEqual() throws IOException {
        RunSpec spec = read(
                SMALLEST,
                "warmup.data=warmup.jsonl",
                "data.held-out=heldout.jsonl",
                "until.wall-time=2d",
                "until.plateau=3",
                "reward.verifier={kind: regex, pattern: \"a: 'b' \\\"c\\\" # 1e-3\\n=\"}",
                "optimizer.epsilon=1e-12",
                "name='1e-3'");
        Path copy = folder.resolve("resolved.yaml");

        RunFile.write(spec, copy);

        assertThat(RunFile.read(copy, List.of())).isEqualTo(spec);
        assertThat(RunFile.toYaml(spec, folder)).isEqualTo(Files.readString(copy));
    }

    @Test
    void aWrittenFileMayBeMovedWithItsFolder() throws IOException {
        Path here = Files.createDirectories(folder.resolve("here"));
        RunSpec spec = RunFile.read(Files.writeString(here.resolve("run.yaml"), SMALLEST), List.of());
        RunFile.write(spec, here.resolve("resolved.yaml"));
        Path there = Files.move(here, folder.resolve("there"));

        RunSpec moved = RunFile.read(there.resolve("resolved.yaml"), List.of());

        assertThat(moved.model().policy()).isEqualTo(there.resolve("base").toString());
        assertThat(RunFile.hash(moved, there)).isEqualTo(RunFile.hash(spec, here));
        assertThat(RunFile.hash(moved, folder)).isNotEqualTo(RunFile.hash(spec, folder));
    }

    @Test
    void theHashIsOfTheSettingsAndNotOfHowTheyAreWritten() throws IOException {
        RunSpec one = read(SMALLEST + "dpo:\n  beta: 0.2 # strong\nseed: 3\n");
        RunSpec same = read("seed: 3\ndpo: { loss: sigmoid, beta: 2.0e-1 }\n" + SMALLEST);
        RunSpec other = read(SMALLEST + "dpo: { beta: 0.2 }\nseed: 4\n");

        assertThat(RunFile.hash(one, folder))
                .matches("[0-9a-f]{64}")
                .isEqualTo(RunFile.hash(same, folder))
                .isNotEqualTo(RunFile.hash(other, folder));
    }

    @Test
    void aTreeHasItsDefaultsWhereverItIsSwitchedOn() throws IOException {
        TreeSpec alone =
                read(SMALLEST, "sampling.branching=tree").sampling().tree().orElseThrow();
        TreeSpec wide = read(SMALLEST, "sampling.branching=tree", "sampling.tree.width=3")
                .sampling()
                .tree()
                .orElseThrow();

        assertThat(read(SMALLEST).sampling().tree()).isEmpty();
        assertThat(alone.widthOf(4)).isEqualTo(2);
        assertThat(alone.stepTokensOf(48)).contains(12);
        assertThat(wide.width()).contains(3);
        assertThat(wide.depth()).isEqualTo(alone.depth());
    }

    @Test
    void theHashIsTheSameOnEveryMachineAndJava() throws IOException {
        assertThat(RunFile.hash(read(SMALLEST), folder))
                .isEqualTo("bf9430d2c8e3c09daf5f21bc509b73b613c4c82cce03f347805f6c9554d6484e");
    }

    @Test
    void differencesNameTheKeysAndBothValues() throws IOException {
        RunSpec mine = read(SMALLEST, "dpo.beta=0.2", "optimizer.betas=[0.9, 0.95]");
        RunSpec other = read(SMALLEST, "until.plateau=4", "data.held-out=" + inFolder("h.jsonl"));

        assertThat(RunFile.differences(mine, mine, folder)).isEmpty();
        assertThat(RunFile.differences(mine, other, folder))
                .containsExactly(
                        new Difference("data.held-out", "null", "\"h.jsonl\""),
                        new Difference("dpo.beta", "0.2", "0.1"),
                        new Difference("optimizer.betas", "[0.9,0.95]", "[0.9,0.999]"),
                        new Difference("until.plateau", "null", "4"));
    }

    @Test
    void aSettingThatTheOtherVerifierLacksIsAbsent() throws IOException {
        assertThat(RunFile.differences(read(SMALLEST), read(SMALLEST, "reward.verifier.kind=exact"), folder))
                .contains(
                        new Difference("reward.verifier.kind", "\"numeric\"", "\"exact\""),
                        new Difference("reward.verifier.after", "\"\"", "absent"),
                        new Difference("reward.verifier.trim", "absent", "true"));
    }

    @Test
    void settingsFromCodeAreThoseOfAFile() throws IOException {
        RunSpec spec = RunFile.of(Map.of(
                "name",
                "run",
                "model",
                Map.of("policy", folder.resolve("base")),
                "data.prompts",
                folder.resolve("train.jsonl"),
                "reward.verifier.after",
                "=",
                "reward.verifier.kind",
                "numeric",
                "optimizer.betas",
                List.of(0.9, 0.95),
                "optimizer.learning-rate",
                1e-5,
                "warmup",
                Map.of("data", folder.resolve("warmup.jsonl").toString(), "steps", 10)));

        assertThat(spec).isEqualTo(read("""
                        model: { policy: base/ }
                        data: { prompts: train.jsonl }
                        reward: { verifier: { kind: numeric, after: '=' } }
                        optimizer: { betas: [0.9, 0.95], learning-rate: 1e-5 }
                        warmup: { data: warmup.jsonl, steps: 10 }
                        """));
    }

    @Test
    void settingsFromCodeAreCheckedAsThoseOfAFile() {
        Map<String, Object> sound = Map.of(
                "name", "run", "model.policy", "base", "data.prompts", "train.jsonl", "reward.verifier.kind", "exact");

        assertThat(RunFile.of(sound).data().prompts())
                .isEqualTo(Path.of("train.jsonl").toAbsolutePath().toString());
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.of(with(sound, "dpo", Map.of("beta", -0.1))))
                .withMessage("settings dpo={\"beta\":-0.1}: dpo.beta: must be > 0, found -0.1");
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.of(with(sound, "dpo.bta", 1)))
                .withMessageStartingWith("settings dpo.bta=1: dpo.bta: ");
        assertThatExceptionOfType(InvalidInputException.class)
                .isThrownBy(() -> RunFile.of(Map.of("model.policy", "base")))
                .withMessageStartingWith("settings: ");
    }

    private static Map<String, Object> with(Map<String, Object> settings, String key, Object value) {
        Map<String, Object> more = new HashMap<>(settings);
        more.put(key, value);
        return more;
    }

    private RunSpec read(String yaml, String... sets) throws IOException {
        return RunFile.read(Files.writeString(folder.resolve("run.yaml"), yaml), List.of(sets));
    }

    private String inFolder(String name) {
        return folder.resolve(name).toString();
    }
}
