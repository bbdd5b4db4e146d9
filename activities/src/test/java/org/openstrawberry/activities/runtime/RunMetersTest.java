package org.openstrawberry.activities.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.steps.RunRef;

/** What a process shows of its runs, and for how long. */
class RunMetersTest {
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
    private final TestClock clock = new TestClock();
    private Optional<RunMeters.State> told = Optional.empty();
    private final RunMeters meters = new RunMeters(registry, id -> told, clock);
    private final RunRef run;

    RunMetersTest(@TempDir Path folder) {
        run = new RunRef("a", folder.toString());
    }

    @AfterEach
    void close() {
        meters.close();
    }

    @Test
    void aRunThatHasEndedIsShownForSomeMinutesAndThenGone() {
        RunRef other = new RunRef("b", "/nowhere/b");
        meters.recorded(run, row(1, 5));
        meters.recorded(other, row(1, 5));
        step("a", false, 1);
        meters.finished(run);

        clock.pass(RunMeters.AFTER_END.minusSeconds(1));
        meters.tidy();
        assertThat(gauge("strawberry.run.state", "a", "state", "done")).isEqualTo(1);
        assertThat(gauge("strawberry.run.state", "a", "state", "running")).isZero();
        assertThat(gauge("strawberry.loss", "a")).isEqualTo(0.5);

        clock.pass(Duration.ofSeconds(2));
        meters.tidy();
        assertThat(registry.getMeters())
                .noneMatch(meter -> "a".equals(meter.getId().getTag("run")));
        assertThat(gauge("strawberry.loss", "b")).isEqualTo(0.5);
    }

    @Test
    void aRunThatHasFailedIsSaidToHave() {
        meters.recorded(run, row(1, 5));
        meters.failed(run);

        assertThat(gauge("strawberry.run.state", "a", "state", "failed")).isEqualTo(1);
        clock.pass(RunMeters.AFTER_END.plusSeconds(1));
        meters.tidy();
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void aRunThatIsTakenUpAgainIsShownOn() {
        meters.recorded(run, row(1, 5));
        meters.failed(run);
        clock.pass(RunMeters.AFTER_END.minusSeconds(1));
        meters.opened(run);
        clock.pass(RunMeters.AFTER_END);
        meters.tidy();

        assertThat(gauge("strawberry.run.state", "a", "state", "running")).isEqualTo(1);
    }

    @Test
    void whoOnlyDoesStepsOfARunSeesItsEndByItsResult() throws IOException {
        step("a", false, 1);
        meters.tidy();
        assertThat(registry.getMeters()).isNotEmpty();

        Files.writeString(Path.of(run.directory()).resolve(RunLayout.RESULT), "{}");
        meters.tidy();
        clock.pass(RunMeters.AFTER_END.plusSeconds(1));
        meters.tidy();

        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void aRunThatNobodyWorksOnHereIsGoneAfterADay() {
        meters.recorded(run, row(1, 5));
        clock.pass(RunMeters.IDLE.minusSeconds(1));
        meters.tidy();
        assertThat(registry.getMeters()).isNotEmpty();

        clock.pass(Duration.ofSeconds(2));
        meters.tidy();
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void aRunThatItsServerSaysIsOverIsShownAsFailedForSomeMinutesAndThenGone() {
        told = Optional.of(RunMeters.State.FAILED);
        meters.recorded(run, row(1, 5));
        meters.tidy();
        assertThat(gauge("strawberry.run.state", "a", "state", "running"))
                .as("it is not asked of a run that is worked on")
                .isEqualTo(1);

        clock.pass(RunMeters.QUIET.plusSeconds(1));
        meters.tidy();
        assertThat(gauge("strawberry.run.state", "a", "state", "failed")).isEqualTo(1);
        clock.pass(RunMeters.AFTER_END.plusSeconds(1));
        meters.tidy();
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void aRunThatItsServerSaysLivesIsShownOnThoughItWaits() {
        told = Optional.of(RunMeters.State.RUNNING);
        meters.recorded(run, row(1, 5));
        clock.pass(Duration.ofHours(3));
        meters.tidy();
        clock.pass(RunMeters.AFTER_END.plusSeconds(1));
        meters.tidy();

        assertThat(gauge("strawberry.run.state", "a", "state", "running")).isEqualTo(1);
    }

    @Test
    void aRewardModelsTrainingIsShownByItsNewestCheckpoint() {
        meters.trained(run, 0, 30, Map.of());
        assertThat(gauge("strawberry.reward.training.step", "a")).isZero();

        meters.trained(run, 12, 30, Map.of("loss", 0.5, "eval_accuracy", 0.75));
        assertThat(gauge("strawberry.reward.training.step", "a")).isEqualTo(12);
        assertThat(gauge("strawberry.reward.training.steps", "a")).isEqualTo(30);
        assertThat(gauge("strawberry.reward.training.loss", "a")).isEqualTo(0.5);
        assertThat(gauge("strawberry.reward.training.eval.accuracy", "a")).isEqualTo(0.75);
        assertThat(gauge("strawberry.run.state", "a", "state", "running")).isEqualTo(1);
    }

    @Test
    void aRunWhoseRowsAnotherProcessWritesIsNotShownAsItWas() throws IOException {
        Path rows = Files.writeString(Path.of(run.directory()).resolve(RunLayout.METRICS), "");
        meters.recorded(run, row(1, 5));
        step("a", false, 1);
        Files.setLastModifiedTime(rows, FileTime.from(clock.instant().plusSeconds(30)));
        meters.tidy();
        assertThat(gauge("strawberry.loss", "a")).isEqualTo(0.5);

        Files.setLastModifiedTime(rows, FileTime.from(clock.instant().plusSeconds(90)));
        meters.tidy();
        assertThat(registry.getMeters()).noneMatch(meter -> meter.getId().getType() == Meter.Type.GAUGE);
        assertThat(registry.get("strawberry.phase.seconds").timer().count()).isEqualTo(1);

        meters.recorded(run, row(3, 5));
        assertThat(gauge("strawberry.iteration", "a")).isEqualTo(3);
        assertThat(gauge("strawberry.run.state", "a", "state", "running")).isEqualTo(1);
    }

    @Test
    void aRunThatComesBackAfterItIsGoneIsShownAgain() {
        meters.recorded(run, row(1, 5));
        meters.finished(run);
        clock.pass(RunMeters.AFTER_END.plusSeconds(1));
        meters.tidy();
        assertThat(registry.getMeters()).isEmpty();

        meters.recorded(run, row(2, 5));
        assertThat(gauge("strawberry.iteration", "a")).isEqualTo(2);
        assertThat(gauge("strawberry.loss", "a")).isEqualTo(0.5);
        assertThat(gauge("strawberry.run.state", "a", "state", "running")).isEqualTo(1);
    }

    @Test
    void tokensAndIterationsAreCountedAndTheLastOnesTimeIsKept() {
        meters.recorded(run, row(0, 0));
        meters.recorded(run, row(1, 100));
        clock.pass(Duration.ofMinutes(3));
        meters.recorded(run, row(2, 50));
        double then = clock.instant().getEpochSecond();
        clock.pass(Duration.ofMinutes(3));

        assertThat(registry.get("strawberry.tokens").tag("run", "a").counter().count())
                .isEqualTo(150);
        assertThat(registry.get("strawberry.iterations")
                        .tag("run", "a")
                        .counter()
                        .count())
                .isEqualTo(2);
        assertThat(gauge("strawberry.last.iteration.timestamp.seconds", "a")).isEqualTo(then);
    }

    @Test
    void eachCheckOfHealthHasAMetricAndThoseThatWarnAreCounted() {
        meters.recorded(run, row(1, 5));
        assertThat(gauge("strawberry.health.kl", "a")).isNaN();
        assertThat(gauge("strawberry.unhealthy", "a")).isZero();

        meters.recorded(run, new IterationMetrics(2, Map.of("health/kl", 31.5, "health/loss", 9.0)));
        assertThat(gauge("strawberry.health.kl", "a")).isEqualTo(31.5);
        assertThat(gauge("strawberry.unhealthy", "a")).isEqualTo(2);
    }

    @Test
    void failuresAndRetriesAreCountedFromZero() {
        step("a", false, 1);
        assertThat(count("strawberry.step.failures")).isZero();
        assertThat(count("strawberry.step.retries")).isZero();

        step("a", true, 1);
        step("a", false, 2);
        assertThat(count("strawberry.step.failures")).isEqualTo(1);
        assertThat(count("strawberry.step.retries")).isEqualTo(1);
    }

    private void step(String id, boolean failed, int attempt) {
        meters.step(id, Optional.of(Path.of(run.directory())), "score", "rewards", attempt, failed, 1_000);
    }

    private double count(String name) {
        return registry.get(name)
                .tags("run", "a", "phase", "score", "role", "rewards")
                .counter()
                .count();
    }

    private double gauge(String name, String id, String... tags) {
        return registry.get(name).tag("run", id).tags(tags).gauge().value();
    }

    private static IterationMetrics row(int iteration, double tokens) {
        return new IterationMetrics(iteration, Map.of("loss", 0.5, "thoughts/tokens", tokens));
    }

    private static final class TestClock extends Clock {
        private Instant now = Instant.parse("2026-01-01T00:00:00Z");

        void pass(Duration time) {
            now = now.plus(time);
        }

        @Override
        public Instant instant() {
            return now;
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }
    }
}
