package org.openstrawberry.benchmarks;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.training.PreferencePair;

/**
 * What every peer is given.
 *
 * @param prompts N prompts of T tokens
 * @param completions [N][B][G] token ids
 */
record Work(
        @JsonProperty(required = true) List<Prompt> prompts,
        @JsonProperty(required = true) int[][][] completions) {
    /**
     * A prompt twice over: the model's tokenizer turns the text into the ids.
     *
     * @param ids T token ids
     */
    record Prompt(
            @JsonProperty(required = true) String text,
            @JsonProperty(required = true) int[] ids) {}

    /** Reads a work file, which must have the sizes that are asked for. */
    static Work read(Path file, int prompts, int branches, int promptTokens, int newTokens) {
        Work work = Json.read(file, Work.class);
        boolean fits = work.prompts.size() == prompts
                && work.prompts.stream().allMatch(prompt -> prompt.ids().length == promptTokens)
                && work.completions.length == prompts
                && Arrays.stream(work.completions)
                        .allMatch(group -> group.length == branches
                                && Arrays.stream(group).allMatch(ids -> ids.length == newTokens));
        if (!fits) {
            throw new InvalidInputException(file + ": expected " + prompts + " prompts of " + promptTokens
                    + " tokens with " + branches + " completions of " + newTokens + " tokens each");
        }
        return work;
    }

    int branches() {
        return completions[0].length;
    }

    int newTokens() {
        return completions[0][0].length;
    }

    /** All prompts, each to be completed B times. */
    List<GenerationRequest> requests() {
        return IntStream.range(0, prompts.size())
                .mapToObj(i -> new GenerationRequest(i, prompts.get(i).ids(), branches()))
                .toList();
    }

    /** The given completions as N·B/2 pairs: the k-th best of a prompt with the k-th best of its lower half. */
    List<PreferencePair> pairs() {
        List<PreferencePair> pairs = new ArrayList<>();
        for (int i = 0; i < completions.length; i++) {
            List<int[]> ranked = Arrays.stream(completions[i])
                    .sorted(Comparator.comparingDouble(Work::evenShare).reversed())
                    .toList();
            int half = ranked.size() / 2;
            for (int k = 0; k < half; k++) {
                pairs.add(new PreferencePair(prompts.get(i).ids(), ranked.get(k), ranked.get(half + k)));
            }
        }
        return pairs;
    }

    private static double evenShare(int[] ids) {
        return (double) Arrays.stream(ids).filter(id -> id % 2 == 0).count() / ids.length;
    }
}
