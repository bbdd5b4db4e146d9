package org.openstrawberry.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.temporal.client.WorkflowClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.TreeLine;
import org.openstrawberry.activities.rewards.Rewards;
import org.openstrawberry.activities.rewards.Scored;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.RunSetup;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.RunFile;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.TrainingInput;
import org.openstrawberry.workflows.client.RunFailedException;
import org.openstrawberry.workflows.client.RunHandle;
import reactor.core.publisher.Mono;

/** The whole workflow on the in-process server, with rewards that misbehave. */
class RewardFailureTest {
    private static final Function<RewardSpec, Scorer> SOUND = new Rewards();

    private static final String[] TREES = {
        "sampling.branching=tree", "sampling.tree.step-tokens=3", "until.iterations=2", "data.held-out=null"
    };

    private final TinyRun run;

    RewardFailureTest(@TempDir Path folder) {
        run = new TinyRun(folder);
    }

    @Test
    void aFailingStepIsTriedAgainWithTheSameResult() throws IOException {
        AtomicInteger tries = new AtomicInteger();
        Function<RewardSpec, Scorer> failsTwice = reward -> {
            if (tries.incrementAndGet() <= 2) {
                throw new UncheckedIOException(new IOException("the reward is not there yet"));
            }
            return SOUND.apply(reward);
        };
        train("sound", SOUND);
        train("failing", failsTwice);

        assertThat(tries).hasValueGreaterThan(2);
        assertThat(run.outcome("failing")).isEqualTo(run.outcome("sound"));
    }

    @Test
    void aRewardThatIsNotANumberIsQuarantinedAndNeverZero() throws IOException {
        Function<RewardSpec, Scorer> oneIsNaN =
                spec -> Scorer.of(sample -> sample.completion().hashCode() % 7 == 0
                        ? Mono.just(Double.NaN)
                        : Mono.just((double) sample.completion().length()));
        List<IterationMetrics> rows = train("run", oneIsNaN, "data.held-out=null");

        double quarantined = rows.stream()
                .flatMap(row -> row.value("thoughts/quarantined").stream())
                .mapToDouble(Double::doubleValue)
                .sum();
        assertThat(quarantined).isPositive();
        try (Stream<Path> files = Files.walk(run.directory("run").resolve("iterations"))) {
            String scores = files.filter(file -> file.getFileName().toString().matches("scores-\\d+\\.jsonl"))
                    .map(RewardFailureTest::read)
                    .reduce("", String::concat);
            assertThat(scores.lines().filter(line -> line.contains("not a finite number")))
                    .hasSize((int) quarantined)
                    .noneMatch(line -> line.contains("reward\":0"));
        }
    }

    @Test
    void anIterationWithoutAnyRewardFailsTheRunAndGoesOnOnceTheRewardWorks() throws IOException {
        assertThatThrownBy(() -> train(
                        "failing",
                        spec -> (group, place) -> Mono.just(group.stream()
                                .map(sample -> Scored.failed("the judge is down"))
                                .toList()),
                        "data.held-out=null"))
                .isInstanceOf(RunFailedException.class)
                .hasMessageContaining("no prompt has a reward for a share of 0.5 of its branches");
        train("failing", SOUND, "data.held-out=null");
        train("sound", SOUND, "data.held-out=null");

        assertThat(run.outcome("failing")).isEqualTo(run.outcome("sound"));
    }

    @Test
    void aThoughtOfATreeWithoutARewardIsNoVisitAndNoZero() {
        Function<RewardSpec, Scorer> someFail =
                spec -> Scorer.of(sample -> Math.floorMod((sample.prompt() + sample.completion()).hashCode(), 3) == 0
                        ? Mono.error(new IllegalStateException("no score for a third"))
                        : Mono.just(1.0 + sample.tokens()));
        List<IterationMetrics> rows = train("run", someFail, with("reward.quorum=0.1"));

        Path iteration = run.directory("run").resolve("iterations/000001");
        int failed = 0;
        for (int shard = 0; shard < 2; shard++) {
            List<ScoreLine> scores = Json.readLines(iteration.resolve("scores-0" + shard + ".jsonl"), ScoreLine.class);
            for (TreeLine step : Json.readLines(iteration.resolve("tree-0" + shard + ".jsonl"), TreeLine.class)) {
                step.value().ifPresent(value -> assertThat(value).isGreaterThan(1));
                assertThat(step.value().isPresent()).isEqualTo(step.visits() > 0);
                if (step.id() == 0) {
                    long scored = scores.stream()
                            .filter(score -> score.prompt() == step.prompt()
                                    && score.reward().isPresent())
                            .count();
                    assertThat(step.visits()).isEqualTo((int) scored);
                }
            }
            failed += (int) scores.stream()
                    .filter(score -> score.error()
                            .filter(error -> error.contains("no score for a third"))
                            .isPresent())
                    .count();
        }
        assertThat(failed).isPositive();
        assertThat(rows.get(1).value("thoughts/quarantined")).contains((double) failed);
    }

    @Test
    void aWaveThatTooFewRewardsCameForIsScoredAgainWithTheSameResult() throws IOException {
        // The first wave of each tree is not scored when it is first asked for.
        Set<String> asked = ConcurrentHashMap.newKeySet();
        Function<RewardSpec, Scorer> late = spec -> (group, place) -> asked.add(place)
                ? Mono.just(group.stream()
                        .map(sample -> Scored.failed("not there yet"))
                        .toList())
                : SOUND.apply(spec).score(group, place);
        train("sound", SOUND, TREES);
        train("late", late, TREES);

        assertThat(asked).as("the trees of two iterations").hasSize(12);
        assertThat(run.outcome("late")).isEqualTo(run.outcome("sound"));
    }

    @Test
    void aTreeWithoutAnyRewardFailsTheRunAndGoesOnFromWhatWasDrawnOnceTheRewardWorks() throws IOException {
        assertThatThrownBy(() -> train(
                        "failing",
                        spec -> (group, place) -> Mono.just(group.stream()
                                .map(sample -> Scored.failed("the judge is down"))
                                .toList()),
                        TREES))
                .isInstanceOf(RunFailedException.class)
                .hasMessageContaining("thoughts have a reward, expected a share of 0.5");
        Path wave = run.directory("failing").resolve("iterations/000001/wave-00-0000.jsonl");
        Object drawn = Files.getAttribute(wave, "unix:ino");
        train("failing", SOUND, TREES);
        train("sound", SOUND, TREES);

        assertThat(Files.getAttribute(wave, "unix:ino"))
                .as("nothing is drawn twice")
                .isEqualTo(drawn);
        assertThat(run.outcome("failing")).isEqualTo(run.outcome("sound"));
    }

    private static String[] with(String setting) {
        return Stream.concat(Stream.of(TREES), Stream.of(setting)).toArray(String[]::new);
    }

    @Test
    void equalRewardsFormNoPairAndMakeNoStep() {
        List<IterationMetrics> rows = train("run", spec -> Scorer.of(sample -> Mono.just(1.0)));

        assertThat(rows.subList(1, rows.size())).allSatisfy(row -> {
            assertThat(row.value("pairs/formed")).contains(0.0);
            assertThat(row.value("pairs/tied")).contains(12.0);
            assertThat(row.value("loss")).isEmpty();
        });
    }

    @Test
    void aRewardThatNeverAnswersFailsTheRunWithItsReason() {
        assertThatThrownBy(() -> train("run", spec -> {
                    throw new IllegalArgumentException("no such judge");
                }))
                .isInstanceOf(RunFailedException.class)
                .hasMessageContaining("no such judge");
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

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
