package org.openstrawberry.activities.thoughts;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.WaveLine;
import org.openstrawberry.activities.lines.WaveScoreLine;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.generation.Continuations;
import org.openstrawberry.model.transformer.WritingWeights;
import org.openstrawberry.workflows.steps.ArtifactRef;

/** Grows a shard's trees once more: thoughts are drawn again, what they came to is taken from the files. */
final class TreeReplay {
    private final Run run;
    private final int iteration;
    private final int shard;
    private final Forest forest;
    private final List<String> differences = new ArrayList<>();
    private int thoughts;

    /** @param prompts of the shard */
    TreeReplay(Run run, SamplingSpec sampling, int iteration, int shard, List<PromptLine> prompts) {
        this.run = run;
        this.iteration = iteration;
        this.shard = shard;
        Map<Integer, int[]> ids = new LinkedHashMap<>();
        prompts.forEach(line -> ids.put(line.prompt(), line.ids()));
        forest = new Forest(sampling, run.tokenizer(), run.spec().seed(), iteration, ids);
    }

    /** Wave by wave, as far as the first that differs: those after it would follow from it. */
    void grow(WritingWeights weights) {
        try (Continuations writer = forest.writer(run.base().eosIds(), weights)) {
            for (int wave = 0; differences.isEmpty() && forest.select(); wave++) {
                // As it stands: a difference may be why one looks.
                Path drawn = run.store().resolve(RunLayout.wave(iteration, shard, wave));
                compare(
                        wave,
                        forest.draw(writer),
                        Files.exists(drawn) ? Json.readLines(drawn, WaveLine.class) : List.of());
                ArtifactRef values = run.store().require(RunLayout.waveScores(iteration, shard, wave));
                Json.readLines(run.store().verified(values), WaveScoreLine.class)
                        .forEach(line ->
                                line.value().ifPresent(value -> forest.value(line.prompt(), line.branch(), value)));
            }
        }
    }

    int thoughts() {
        return thoughts;
    }

    long tokens() {
        return forest.written();
    }

    /** One line each. */
    List<String> differences() {
        return differences;
    }

    private void compare(int wave, List<WaveLine> drawn, List<WaveLine> stored) {
        thoughts += drawn.size();
        if (drawn.size() != stored.size()) {
            differences.add("wave " + wave + ": " + drawn.size() + " thoughts, stored are " + stored.size());
            return;
        }
        for (int i = 0; i < drawn.size(); i++) {
            int number = i;
            difference(drawn.get(i), stored.get(i))
                    .ifPresent(found -> differences.add("wave " + wave + ", thought " + number + ": " + found));
        }
    }

    private static Optional<String> difference(WaveLine drawn, WaveLine stored) {
        if (drawn.prompt() != stored.prompt() || drawn.node() != stored.node() || drawn.rollout() != stored.rollout()) {
            return Optional.of("drawn at step " + drawn.node() + " of prompt " + drawn.prompt()
                    + ", stored is one of step " + stored.node() + " of prompt " + stored.prompt());
        }
        int token = Arrays.mismatch(drawn.ids(), stored.ids());
        if (token >= 0) {
            return Optional.of("token " + token + " differs");
        }
        int place = Arrays.mismatch(drawn.logprobs(), stored.logprobs());
        if (place >= 0) {
            return Optional.of("the log-probability of token " + place + " differs");
        }
        return drawn.ended() == stored.ended() ? Optional.empty() : Optional.of("another end is stored");
    }
}
