package org.openstrawberry.activities.policy;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.DamagedArtifactException;
import org.openstrawberry.activities.store.RunLayout;

/**
 * What the weights after an iteration are made of: a checkpoint and the logged steps after it. Together their hashes name
 * the weights, whether or not they were ever stored.
 *
 * @param iteration whose end they are of
 * @param checkpoint the newest whole one at or before it
 * @param files of the checkpoint, each with its SHA-256
 * @param steps {@code pairs.jsonl} and {@code step.json} of the iterations after it, each with its SHA-256
 */
public record WeightsOrigin(int iteration, int checkpoint, Map<String, String> files, Map<String, String> steps) {

    /**
     * The origin of the weights after an iteration.
     *
     * @throws DamagedArtifactException if there is no whole checkpoint to begin with, or a logged step after it is missing
     *     or damaged
     */
    public static WeightsOrigin of(Run run, int iteration) {
        Checkpoints checkpoints = new Checkpoints(run.directory());
        int from = StepChain.newestWhole(run, checkpoints, iteration)
                .orElseThrow(() -> new DamagedArtifactException(run.directory().resolve(RunLayout.CHECKPOINTS)
                        + ": found no whole checkpoint, expected one at or before iteration " + iteration));
        String checkpoint = RunLayout.checkpoint(from);
        Map<String, String> files = new LinkedHashMap<>();
        checkpoints.info(checkpoint).orElseThrow().files().forEach((name, hash) -> {
            files.put(
                    run.directory()
                            .relativize(run.store()
                                    .resolve(checkpoint)
                                    .resolve(name)
                                    .normalize())
                            .toString(),
                    hash);
        });
        Map<String, String> steps = new LinkedHashMap<>();
        for (int step : StepChain.between(run, from, iteration)) {
            for (String path : List.of(RunLayout.pairs(step), RunLayout.step(step))) {
                steps.put(path, run.store().require(path).sha256());
            }
        }
        return new WeightsOrigin(iteration, from, files, steps);
    }
}
