package org.openstrawberry.activities.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openstrawberry.activities.store.Hashes;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.Measure;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.SweepFile;
import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.TrainingState;
import org.openstrawberry.workflows.TrainingState.HeldOut;
import org.openstrawberry.workflows.TrialStanding;
import org.openstrawberry.workflows.steps.SweepActivities.StandingRequest;

/** A trial whose reward in iteration i is i, whose loss is 1/i, and whose held-out result was best in iteration 8. */
class SweepStepsTest {
    private static final int DONE = 20;

    private final Path trial;
    private final RunSpec spec;

    SweepStepsTest(@TempDir Path folder) throws IOException {
        trial = folder.resolve("trials/00");
        Path file = Files.writeString(folder.resolve("sweep.yaml"), "over: { until.iterations: [20] }");
        spec = SweepFile.read(file).resolve(folder).trials().get(0).run();
        for (int iteration = 0; iteration <= DONE; iteration++) {
            HeldOut heldOut = new HeldOut(iteration, 0.5, iteration < 8 ? 0.5 : 0.9, Math.min(iteration, 8), 0);
            TrainingState state = new TrainingState(
                    0,
                    iteration,
                    Optional.of(1.0 / iteration),
                    Optional.empty(),
                    Optional.of(heldOut),
                    0,
                    Map.of(),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty());
            IterationMetrics metrics = new IterationMetrics(iteration, Map.of("objective/scores", (double) iteration));
            write(RunLayout.iterationRecord(iteration), new IterationRecord(metrics, state));
        }
    }

    @Test
    void theMeasureIsThatOfTheIterationAskedFor() {
        assertThat(standing(12, Measure.ACCURACY).value()).contains(0.9);
        assertThat(standing(4, Measure.ACCURACY).value()).contains(0.5);
        assertThat(standing(4, Measure.LOSS).value()).contains(0.25);
        assertThat(standing(12, Measure.REWARD).value()).contains(7.5); // mean of 3, 4, …, 12
        assertThat(standing(2, Measure.REWARD).value()).contains(1.5);
    }

    @Test
    void aTrialHasEndedWhereAResultWithItsPolicyStands() throws IOException {
        assertThat(standing(10, Measure.LOSS).ended()).isFalse();

        Path policy = trial.resolve("policy/model.safetensors");
        Files.createDirectories(trial.resolve("policy"));
        Files.writeString(policy, "weights");
        write(RunLayout.RESULT, new RunResult(10, "as far as asked", "policy", Hashes.sha256(policy)));
        assertThat(standing(10, Measure.LOSS)).isEqualTo(new TrialStanding(true, 10, Optional.of(0.1)));
        assertThat(standing(20, Measure.LOSS).ended()).isFalse();

        Files.writeString(policy, "others");
        assertThat(standing(10, Measure.LOSS).ended()).isFalse();
    }

    @Test
    void aTrialThatNobodyBeganStandsAtNothing() {
        Path nowhere = trial.resolveSibling("01");
        assertThat(new SweepSteps().standing(new StandingRequest(nowhere.toString(), spec, 10, Measure.LOSS)))
                .isEqualTo(new TrialStanding(false, 0, Optional.empty()));
    }

    private TrialStanding standing(int iterations, Measure measure) {
        return new SweepSteps().standing(new StandingRequest(trial.toString(), spec, iterations, measure));
    }

    private void write(String path, Object value) throws IOException {
        Path file = trial.resolve(path);
        Files.createDirectories(Optional.ofNullable(file.getParent()).orElseThrow());
        try (OutputStream out = Files.newOutputStream(file)) {
            Json.object(value).write(out);
        }
    }
}
