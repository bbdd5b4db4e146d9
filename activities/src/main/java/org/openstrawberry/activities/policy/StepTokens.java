package org.openstrawberry.activities.policy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;

/** What an iteration's step found of the tokens of its pairs, for those who look at them beside the pairs' own file. */
public final class StepTokens {
    private final List<TokenLogProbs> tokens;

    private StepTokens(List<TokenLogProbs> tokens) {
        this.tokens = tokens;
    }

    /**
     * One side of a pair.
     *
     * @param policy log π of each of its tokens
     * @param reference log π_ref of each
     */
    public record Side(double[] policy, double[] reference) {}

    /**
     * Those of an iteration; of none where its step was not taken, or by an earlier version, or of other pairs.
     *
     * @param directory of the run
     * @param pairs how many the pairs' file holds
     */
    public static StepTokens of(Path directory, int iteration, int pairs) {
        Path file = directory.resolve(RunLayout.step(iteration));
        Optional<List<TokenLogProbs>> found =
                Files.exists(file) ? Json.read(file, StepFile.class).tokens() : Optional.empty();
        return new StepTokens(found.filter(all -> all.size() == pairs).orElse(List.of()));
    }

    /** @param place of the pair in the pairs' file, from 0 */
    public Optional<Side> chosen(int place) {
        return at(place).map(pair -> new Side(pair.policyChosen(), pair.referenceChosen()));
    }

    /** @param place of the pair in the pairs' file, from 0 */
    public Optional<Side> rejected(int place) {
        return at(place).map(pair -> new Side(pair.policyRejected(), pair.referenceRejected()));
    }

    private Optional<TokenLogProbs> at(int place) {
        return place < tokens.size() ? Optional.of(tokens.get(place)) : Optional.empty();
    }
}
