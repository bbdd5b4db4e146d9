package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDManager;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.rewards.Scored;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.VerifierSpec;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;
import org.openstrawberry.model.pretrained.Weights;
import org.openstrawberry.model.training.LogProbs;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.model.transformer.Decoder;
import org.openstrawberry.worker.TrainCommandTest.Said;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;
import reactor.core.publisher.Mono;

/** Whole runs with a judge that is not the reward, and how far they go from where they began. */
class JudgedRunTest {
    /** Told from the reward by its kind. */
    private static final String JUDGE = "evaluation.reward={verifier: {kind: length, to: 5}}";

    private static final String PAIRWISE =
            "reward={verifier: null, judge: {kind: pairwise, url: 'http://h/v1', model: m}}";

    private static final Scorer LONGER = Scorer.of(sample -> Mono.just((double) sample.tokens()));
    private static final Scorer SHORTER = Scorer.of(sample -> Mono.just(1.0 / sample.tokens()));

    private final TinyRun run;

    JudgedRunTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void theHeldOutResultIsTheJudgesAndARewardThatWantsTheOppositeDisagreesWithIt() throws IOException {
        List<IterationMetrics> rows = train("run", judgedBy(SHORTER), JUDGE, "until.held-out-at-least=0.001");

        assertThat(rows).hasSize(1);
        IterationMetrics base = rows.get(0);
        assertThat(base.value("eval/reward")).contains(mean(run.directory("run"), line -> (double) line.tokens()));
        assertThat(base.value("eval/judge")).contains(mean(run.directory("run"), line -> 1.0 / line.tokens()));
        assertThat(base.value("eval/agreement")).contains(0.0);
        assertThat(base.value("eval/agreement_pairs"))
                .hasValueSatisfying(pairs -> assertThat(pairs).isBetween(1.0, 87.0));
        assertThat(Files.readString(run.directory("run").resolve("result.json")))
                .contains("held-out result 0.")
                .contains("has reached 0.0010");
    }

    @Test
    void aRewardThatComparesIsJudgedOnHeldOutPromptsByWhatDoesNot() {
        List<IterationMetrics> rows =
                train("run", judgedBy(LONGER), JUDGE, PAIRWISE, "evaluation.samples=2", "until.iterations=1");

        assertThat(rows.get(1).value("eval/reward")).isEmpty();
        assertThat(rows.get(1).value("eval/agreement")).contains(1.0);
        assertThat(rows.get(1).value("eval/judge")).isPresent();
    }

    @Test
    void aRewardThatComparesIsNotAskedWhereAPromptHasOneAnswer() {
        List<IterationMetrics> rows =
                train("run", judgedBy(LONGER), JUDGE, PAIRWISE, "evaluation.samples=0", "until.iterations=1");

        assertThat(rows.get(0).value("eval/quarantined")).contains(0.0);
        assertThat(rows.get(0).value("eval/judge")).isPresent();
        assertThat(rows.get(0).value("objective/kl_initial")).isEmpty();
    }

    @Test
    void whatTheJudgeFailsAtIsCountedAndNeverAZero() {
        Scorer fails = Scorer.of(sample ->
                sample.prompt().startsWith("r") ? Mono.just(Double.NaN) : Mono.just((double) sample.tokens()));
        IterationMetrics base = train(
                        "run", judgedBy(fails), JUDGE, "until.iterations=1", "evaluation.reward.quorum=0.1")
                .get(0);
        List<EvaluationLine> lines = lines(run.directory("run"), 0);
        long failed = lines.stream().filter(line -> line.judge().isEmpty()).count();

        assertThat(failed).isPositive();
        assertThat(base.value("eval/judge_quarantined")).contains((double) failed);
        assertThat(base.value("eval/quarantined")).contains(0.0);
        assertThat(base.value("eval/judge"))
                .hasValueSatisfying(mean -> assertThat(mean).isGreaterThanOrEqualTo(1));
    }

    @Test
    void aJudgeThatFailsAtTooManyFailsTheRunWhichGoesOnOnceItWorks() throws IOException {
        Scorer down = (group, place) -> Mono.just(
                group.stream().map(sample -> Scored.failed("the judge is down")).toList());
        String[] settings = {JUDGE, "until.iterations=1", "warmup.steps=4"};
        assertThatThrownBy(() -> train("run", judgedBy(down), settings))
                .isInstanceOf(RunFailedException.class)
                .hasMessageContaining("evaluation.reward: 0 of 87 greedy held-out answers have a score, expected a"
                        + " share of 0.5");
        assertThat(run.directory("run").resolve(RunLayout.evaluation(0))).doesNotExist();

        assertThat(train("run", judgedBy(SHORTER), settings).get(0).value("eval/judge_quarantined"))
                .contains(0.0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.lora=null", "model.lora={rank: 2, targets: [q_proj, down_proj]}"})
    void evaluationsAreTheSameBitForBitWhenTheRunIsParted(String lora) throws IOException {
        String[] settings = {
            lora, JUDGE, "warmup.steps=4", "reference.every=1", "evaluation.every=2", "until.iterations=4"
        };
        train("whole", judgedBy(SHORTER), settings);
        List<String> shorter = new ArrayList<>(List.of(settings));
        shorter.add("until.iterations=2");
        train("parted", judgedBy(SHORTER), shorter.toArray(String[]::new));
        DurableFiles.deleteFolder(run.directory("parted").resolve("checkpoints/000002"));
        train("parted", judgedBy(SHORTER), settings);

        for (int iteration : new int[] {0, 2, 4}) {
            String path = RunLayout.evaluation(iteration);
            assertThat(Hashes.sha256(run.directory("parted").resolve(path)))
                    .as(path)
                    .isEqualTo(Hashes.sha256(run.directory("whole").resolve(path)));
        }
        assertThat(lines(run.directory("whole"), 4))
                .anyMatch(line -> line.logRatio().orElse(0.0) != 0);
    }

    @Test
    void theDivergenceFromTheFirstPolicyIsThatOfItsCheckpointHoweverOftenTheReferenceIsRefreshed() throws IOException {
        List<IterationMetrics> rows = train("run", judgedBy(SHORTER), "reference.every=1", "until.iterations=2");
        Path directory = run.directory("run");
        List<EvaluationLine> lines = lines(directory, 2);
        ModelDirectory exported = ModelDirectory.open(directory.resolve("policy"));
        try (Tokenizer tokenizer = exported.tokenizer();
                NDManager memory = Torch.start(1, "cpu")) {
            int eos = exported.eosIds().iterator().next();
            // A text lacks the special tokens that the policy wrote in its middle: then it is not what was measured.
            List<EvaluationLine> sampled = lines.stream()
                    .filter(line ->
                            line.sample() > 0 && sequence(tokenizer, line, eos).completionIds().length == line.tokens())
                    .toList();
            List<Sequence> sequences =
                    sampled.stream().map(line -> sequence(tokenizer, line, eos)).toList();
            LogProbs logProbs = new LogProbs(new Decoder(exported.config()));
            double[] now = logProbs.sums(exported.load(memory), sequences, 4096);
            Path first = directory.resolve("checkpoints/000000/policy.safetensors");
            double[] before = logProbs.sums(Weights.load(first, memory), sequences, 4096);

            assertThat(sampled).hasSizeGreaterThan(60);
            for (int i = 0; i < now.length; i++) {
                assertThat(sampled.get(i).logRatio().orElseThrow()).isCloseTo(now[i] - before[i], within(1e-3));
            }
        }
        double mean = lines.stream()
                .flatMap(line -> line.logRatio().stream())
                .mapToDouble(Double::doubleValue)
                .average()
                .orElseThrow();
        assertThat(rows.get(2).value("objective/kl_initial")).contains(mean);
        assertThat(mean).isNotZero();
        assertThat(rows.get(0).value("objective/kl_initial")).contains(0.0);
        assertThat(lines.stream().filter(line -> line.sample() == 0))
                .allMatch(line -> line.logRatio().isEmpty());
    }

    @Test
    void theCommandLineShowsTheJudgeAndWhatHasDrifted() throws IOException {
        Said said = Said.by(run.train("run", "evaluation.reward={verifier: {kind: length, to: 5, falloff: 10}}"));

        assertThat(said.code()).as(said.err()).isZero();
        assertThat(run.outcome("run")).isEqualTo(TinyRun.undisturbed()); // whoever looks on
        assertThat(said.out())
                .containsPattern("iteration 0  accuracy 0\\.\\d+  judge \\d.*  kl-initial 0\\.000  length ×1\\.00")
                .containsPattern("judge: greedy +\\d\\.\\d{3} +\\d\\.\\d{3}")
                .containsPattern("judge: sampled +\\d\\.\\d{3} +\\d\\.\\d{3}")
                .containsPattern("KL to the first policy +0\\.000 +-?\\d+\\.\\d{3}")
                .containsPattern("mean length in tokens +\\d+\\.\\d{3} +\\d+\\.\\d{3}")
                .containsPattern("share that ended +\\d\\.\\d{3} +\\d\\.\\d{3}");
    }

    @Test
    void whatTheJudgeLacksIsToldBeforeAnyWork() throws IOException {
        Said secret = Said.by(run.train(
                "run",
                "evaluation.reward={http: {url: 'http://localhost:1/', headers: {Authorization: 'Bearer"
                        + " ${env:NO_SUCH_JUDGE}'}}}"));
        assertThat(secret.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(secret.err()).contains("NO_SUCH_JUDGE").hasLineCount(1);

        Said field = Said.by(run.train("other", "evaluation.reward={verifier: {kind: exact, answer-field: gold}}"));
        assertThat(field.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(field.err()).contains("heldout.jsonl:1").contains("gold").hasLineCount(1);

        Said model = Said.by(run.train("third", "evaluation.reward={classifier: {model: nowhere}}"));
        assertThat(model.code()).isEqualTo(Main.BAD_INPUT);
        assertThat(model.err()).contains("nowhere").hasLineCount(1);
    }

    /** The reward wants long answers. */
    private static Function<RewardSpec, Scorer> judgedBy(Scorer judge) {
        return spec -> spec.kind() instanceof VerifierSpec.Length ? judge : LONGER;
    }

    private List<IterationMetrics> train(String name, Function<RewardSpec, Scorer> rewards, String... settings) {
        RunSpec spec = RunFile.read(run.file(), run.settings(settings));
        Path directory = run.directory(name);
        RunSetup.prepare(spec, directory);
        try (EmbeddedTemporal temporal = ShortBackOff.temporal()) {
            WorkflowClient client = temporal.client();
            try (Tensors tensors = new Tensors();
                    RunWorkers workers = new RunWorkers(client, new SimpleMeterRegistry(), tensors, rewards)) {
                workers.start();
                RunHandle handle = RunHandle.start(client, name, TrainingInput.start(spec, directory.toString()));
                handle.result().block();
                return handle.history(-1);
            }
        }
    }

    private static List<EvaluationLine> lines(Path directory, int iteration) {
        return Json.readLines(directory.resolve(RunLayout.evaluation(iteration)), EvaluationLine.class);
    }

    private static double mean(Path directory, Function<EvaluationLine, Double> of) {
        return lines(directory, 0).stream()
                .filter(line -> line.sample() == 0)
                .mapToDouble(of::apply)
                .average()
                .orElseThrow();
    }

    private static Sequence sequence(Tokenizer tokenizer, EvaluationLine line, int eos) {
        int[] text = tokenizer.encodeWithout(line.text());
        int[] ids = line.ended() ? Arrays.copyOf(text, text.length + 1) : text;
        if (line.ended()) {
            ids[text.length] = eos;
        }
        return new Sequence(tokenizer.encode(line.promptText()), ids);
    }
}
