package org.openstrawberry.workflows;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.Pairs;
import org.openstrawberry.workflows.steps.Scores;
import org.openstrawberry.workflows.steps.Step;
import org.openstrawberry.workflows.steps.Thoughts;

/** Puts the row of an iteration together from what its steps returned. */
final class MetricsRow {
    private MetricsRow() {}

    static IterationMetrics base(Optional<Evaluation> evaluation) {
        return new IterationMetrics(0, evaluation.map(Evaluation::metrics).orElse(Map.of()));
    }

    static IterationMetrics of(
            RunSpec spec,
            List<Scores> scores,
            Pairs pairs,
            Step step,
            Optional<Evaluation> evaluation,
            Map<String, Double> phaseSeconds) {
        Map<String, Double> row = new LinkedHashMap<>(step.metrics());
        // What was sampled ahead took its time in another phase; and what is scored at once, in the same one.
        boolean apart = spec.sampling().ahead() > 0
                || scores.stream().anyMatch(shard -> shard.thoughts().scored().isPresent());
        addThoughts(row, scores, apart ? thinkingSeconds(scores) : phaseSeconds.getOrDefault(OnlineDpo.GENERATE, 0.0));
        pairs.found().ifPresent(row::putAll);
        row.put("pairs/formed", (double) pairs.formed());
        row.put("pairs/tied", (double) pairs.tied());
        row.put("pairs/identical", (double) pairs.identical());
        row.put("pairs/skipped_prompts", (double) pairs.skippedPrompts());
        row.put("pairs/duplicates", (double) pairs.duplicates());
        row.put("pairs/below_margin", (double) pairs.belowMargin());
        row.put("pairs/over_limit", (double) pairs.overLimit());
        evaluation.ifPresent(result -> row.putAll(result.metrics()));
        phaseSeconds.forEach((phase, seconds) -> row.put("phase/seconds/" + phase, seconds));
        step.idleSeconds().ifPresent(seconds -> row.put("phase/idle", seconds));
        row.put(
                "time/iteration",
                phaseSeconds.values().stream().mapToDouble(Double::doubleValue).sum());
        row.put("time/model", modelSeconds(scores, step, evaluation));
        return new IterationMetrics(pairs.iteration(), row);
    }

    private static void addThoughts(Map<String, Double> row, List<Scores> scores, double seconds) {
        List<Thoughts> thoughts = scores.stream().map(Scores::thoughts).toList();
        double sequences = thoughts.stream().mapToInt(Thoughts::sequences).sum();
        double tokens = thoughts.stream().mapToLong(Thoughts::tokens).sum();
        int scored = scores.stream().mapToInt(Scores::scored).sum();
        double rewards = scores.stream().mapToDouble(Scores::rewardSum).sum();
        row.put("objective/scores", rewards / scored);
        row.put(
                "val/contain_eos_token",
                thoughts.stream().mapToInt(Thoughts::ended).sum() / sequences);
        row.put("thoughts/tokens", tokens);
        row.put("thoughts/mean_length", tokens / sequences);
        row.put("thoughts/quarantined", (double)
                scores.stream().mapToInt(Scores::quarantined).sum());
        if (seconds > 0) {
            row.put("thoughts/tokens_per_second", tokens / seconds);
        }
    }

    private static double thinkingSeconds(List<Scores> scores) {
        return scores.stream().mapToDouble(s -> s.thoughts().modelSeconds()).sum();
    }

    private static double modelSeconds(List<Scores> scores, Step step, Optional<Evaluation> evaluation) {
        return thinkingSeconds(scores)
                + step.modelSeconds()
                + evaluation.map(Evaluation::modelSeconds).orElse(0.0);
    }
}
