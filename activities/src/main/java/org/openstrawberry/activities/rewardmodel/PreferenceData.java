package org.openstrawberry.activities.rewardmodel;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.openstrawberry.activities.data.PromptData;
import org.openstrawberry.config.DataFiles;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.PreferenceRow;
import org.openstrawberry.config.RewardTrainingSpec;
import org.openstrawberry.model.classification.ScoredPair;
import org.openstrawberry.model.classification.ScoredText;
import org.openstrawberry.model.pretrained.ModelDirectory;
import org.openstrawberry.model.pretrained.Tokenizer;

/**
 * The pairs of a training, as token ids.
 *
 * @param training to learn from, at least one
 * @param heldOut judged and never learnt from; may be empty
 * @param tooLong pairs that are left out, since a text of theirs is longer than {@code max-tokens}
 */
public record PreferenceData(List<ScoredPair> training, List<ScoredPair> heldOut, int tooLong) {
    /**
     * Reads and checks the files. All pairs of a prompt are held out, or none is: the prompt's hash decides.
     *
     * @param base whose tokenizer and positions count
     * @throws InvalidInputException if a file cannot be read or used; the message names file and line
     */
    static PreferenceData read(RewardTrainingSpec spec, ModelDirectory base) {
        int positions = base.config().maxPositionEmbeddings();
        if (spec.maxTokens().orElse(positions) > positions) {
            throw new InvalidInputException("max-tokens: found "
                    + spec.maxTokens().orElseThrow() + ", expected at most " + positions
                    + ", the max_position_embeddings of the model's config.json");
        }
        List<ScoredPair> training = new ArrayList<>();
        List<ScoredPair> heldOut = new ArrayList<>();
        int rows = 0;
        try (Tokenizer tokenizer = base.tokenizer()) {
            Reader reader = new Reader(
                    tokenizer, ScoredText.eosId(base), spec.maxTokens().isPresent(), positions);
            Path file = Path.of(spec.pairs());
            int longest = spec.maxTokens().orElse(positions);
            for (PreferenceRow row : DataFiles.readPreferences(file)) {
                rows++;
                boolean out = PromptData.isHeldOut(row.prompt(), spec.heldOutShare());
                reader.read(file, row, longest, out ? heldOut : training);
            }
            for (Path other : spec.heldOut().map(Path::of).stream().toList()) {
                for (PreferenceRow row : DataFiles.readPreferences(other)) {
                    rows++;
                    reader.read(other, row, longest, heldOut);
                }
            }
        }
        require(training, spec, "to train on");
        if (spec.heldOut().isPresent() || spec.heldOutShare() > 0) {
            require(heldOut, spec, "held out");
        }
        return new PreferenceData(List.copyOf(training), List.copyOf(heldOut), rows - training.size() - heldOut.size());
    }

    private static void require(List<ScoredPair> pairs, RewardTrainingSpec spec, String what) {
        if (pairs.isEmpty()) {
            throw new InvalidInputException(spec.pairs() + ": no pairs are left " + what
                    + "; expected more prompts, another held-out-fraction (0 holds none out) or another max-tokens");
        }
    }

    /** @param skips whether pairs that are too long are left out */
    private record Reader(Tokenizer tokenizer, OptionalInt eosId, boolean skips, int positions) {
        void read(Path file, PreferenceRow row, int longest, List<ScoredPair> into) {
            int[] chosen = ids(file, row, row.chosen());
            int[] rejected = ids(file, row, row.rejected());
            int tokens = Math.max(chosen.length, rejected.length);
            if (tokens <= longest) {
                into.add(new ScoredPair(chosen, rejected, row.margin()));
            } else if (!skips) {
                throw new InvalidInputException(file + ":" + row.line() + ": found " + tokens
                        + " tokens in prompt, completion and end-of-sequence, expected at most " + positions
                        + ", the max_position_embeddings of the model's config.json; max-tokens leaves such pairs out");
            }
        }

        private int[] ids(Path file, PreferenceRow row, String completion) {
            try {
                return ScoredText.ids(tokenizer, eosId, row.prompt(), completion, true);
            } catch (InvalidInputException e) {
                throw new InvalidInputException(file + ":" + row.line() + ": " + e.getMessage(), e);
            }
        }
    }
}
