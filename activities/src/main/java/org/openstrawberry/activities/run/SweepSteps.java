package org.openstrawberry.activities.run;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.openstrawberry.activities.store.DurableFiles;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.Measure;
import org.openstrawberry.workflows.RunResult;
import org.openstrawberry.workflows.SweepResults;
import org.openstrawberry.workflows.TrainingState.HeldOut;
import org.openstrawberry.workflows.TrialStanding;
import org.openstrawberry.workflows.steps.SweepActivities;

/** Reads from the trials' run directories where a sweep stands, and writes its table. */
public final class SweepSteps implements SweepActivities {
    /** The table of a sweep, in its directory. */
    private static final String RESULTS = "sweep.json";

    /** Iterations whose rewards are averaged: those of one vary with its prompts. */
    private static final int REWARD_WINDOW = 10;

    @Override
    public TrialStanding standing(StandingRequest request) {
        Path directory = Path.of(request.directory());
        int iteration = Math.min(RunSetup.lastRecorded(directory), request.iterations());
        boolean ended = RunSetup.result(directory)
                .map(RunResult::iteration)
                .filter(last -> last >= request.iterations()
                        || RunSetup.finished(request.spec(), directory).isPresent())
                .isPresent();
        return new TrialStanding(ended, iteration, value(request.measure(), directory, iteration));
    }

    private static Optional<Double> value(Measure measure, Path directory, int iteration) {
        Optional<IterationRecord> record = RunSetup.record(directory, iteration);
        return switch (measure) {
            case ACCURACY -> record.flatMap(it -> it.state().heldOut()).map(HeldOut::best);
            case LOSS -> record.flatMap(it -> it.state().smoothedLoss());
            case REWARD -> reward(directory, iteration);
        };
    }

    private static Optional<Double> reward(Path directory, int iteration) {
        OptionalDouble mean = IntStream.rangeClosed(Math.max(1, iteration - REWARD_WINDOW + 1), iteration)
                .mapToObj(it -> RunSetup.record(directory, it))
                .flatMap(Optional::stream)
                .flatMap(it -> it.metrics().value("objective/scores").stream())
                .mapToDouble(Double::doubleValue)
                .average();
        return mean.isPresent() ? Optional.of(mean.getAsDouble()) : Optional.empty();
    }

    @Override
    public void recordResults(String directory, SweepResults results) {
        try {
            DurableFiles.replace(Path.of(directory).resolve(RESULTS), temporary -> {
                try (OutputStream out = Files.newOutputStream(temporary)) {
                    Json.object(results).write(out);
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
