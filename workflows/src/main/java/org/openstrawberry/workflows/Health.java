package org.openstrawberry.workflows;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.openstrawberry.config.HealthSpec;
import org.openstrawberry.config.HealthSpec.Action;

/**
 * Whether an iteration was healthy: the checks of {@code health} as a pure function of its metrics and of what was before. A
 * check that warns leaves what it found in the iteration's row, as {@code health/NAME}, and so every reader of the row can
 * say it in words.
 */
public final class Health {
    private static final String METRIC = "health/";

    /** What may be wrong. Its name in metrics is that of the constant in lower case. */
    public enum Check {
        KL(
                HealthSpec::klAbove,
                "the policy is %.3g nats from the reference, above health.kl-above %.3g",
                "raise dpo.beta, lower optimizer.learning-rate, or refresh the reference more often"),
        ENTROPY(
                HealthSpec::entropyBelow,
                "entropy is %.3g of what it was at first, below health.entropy-below %.3g",
                "raise dpo.beta or sampling.temperature, or lower optimizer.learning-rate"),
        DISTINCT(
                HealthSpec::distinctBelow,
                "only a share of %.3g of a prompt's thoughts differ, below health.distinct-below %.3g",
                "raise sampling.temperature, or take harder prompts"),
        TRUNCATED(
                HealthSpec::truncatedAbove,
                "a share of %.3g of the thoughts was cut off, above health.truncated-above %.3g",
                "raise sampling.max-new-tokens, or let the reward ask for an end (require-eos)"),
        REWARD_SPREAD(
                HealthSpec::rewardSpreadBelow,
                "rewards spread by %.3g, below health.reward-spread-below %.3g: there is nothing to prefer",
                "look at the reward with ./strawberry inspect; take harder or easier prompts, or a finer reward"),
        LENGTH(
                HealthSpec::lengthAbove,
                "thoughts are %.3g times as long as at first, outside health.length-below and health.length-above",
                "look at the thoughts with ./strawberry inspect; let the reward weigh length (sum.length-penalty)"),
        LOSS(
                HealthSpec::lossSpike,
                "the loss is %.3g, above health.loss-spike %.3g times its smoothed value",
                "lower optimizer.learning-rate or optimizer.clip-norm"),
        CHOSEN(
                HealthSpec::chosenFall,
                "preferred completions have lost %.3g nats against the reference, above health.chosen-fall %.3g",
                "mix in some sft: dpo.loss [{ sigmoid: 1.0 }, { sft: 0.1 }]; or lower optimizer.learning-rate"),
        NON_FINITE(
                spec -> Optional.empty(),
                "the step was refused, since its gradient or the weights after it were not finite; the policy stays as"
                        + " it was",
                "lower optimizer.learning-rate, or set optimizer.clip-norm"),
        ROLLBACKS(
                spec -> spec.rollbacks().map(Integer::doubleValue),
                "the run went back to one state %.0f times without getting better, health.rollbacks allows %.0f",
                "change what makes it unhealthy: a lower optimizer.learning-rate, a higher dpo.beta, another reward");

        private final Function<HealthSpec, Optional<Double>> bound;
        private final String found;
        private final String wayOut;

        Check(Function<HealthSpec, Optional<Double>> bound, String found, String wayOut) {
            this.bound = bound;
            this.found = found;
            this.wayOut = wayOut;
        }

        /** Where a row has what the check found, if it warned. */
        public String metric() {
            return METRIC + name().toLowerCase(Locale.ROOT);
        }

        private Optional<Double> above(HealthSpec spec, Optional<Double> value) {
            return value.filter(
                    found -> bound.apply(spec).filter(most -> found > most).isPresent());
        }

        private Optional<Double> below(HealthSpec spec, Optional<Double> value) {
            return value.filter(
                    found -> bound.apply(spec).filter(least -> found < least).isPresent());
        }
    }

    /**
     * What later checks compare with, kept with the run's state.
     *
     * @param entropy of the first step
     * @param length mean length of the first iteration's thoughts
     * @param unhealthy metrics of the checks that warned in the last iteration
     * @param rollbacks to the state that was the last to be rolled back to; empty where none counts
     */
    public record Vitals(
            Optional<Double> entropy, Optional<Double> length, List<String> unhealthy, Optional<Rollbacks> rollbacks) {
        private static Vitals none() {
            return new Vitals(Optional.empty(), Optional.empty(), List.of(), Optional.empty());
        }
    }

    /**
     * How often a run went back to the state after an iteration. A better state would be the next to go back to, so these
     * are the rollbacks that brought nothing.
     */
    public record Rollbacks(int iteration, int times) {}

    /**
     * What was found of an iteration.
     *
     * @param warnings what each check that warns has found, by metric
     * @param vitals for the next iteration
     * @param action what is to follow; warn where all is well
     */
    record Diagnosis(Map<String, Double> warnings, Optional<Vitals> vitals, Action action) {
        /** Whether the run waits for someone after this. */
        boolean pauses() {
            return action == Action.PAUSE || warnings.containsKey(Check.ROLLBACKS.metric());
        }

        /** Why the run ends, if this ends it. */
        Optional<String> reasonToStop(Optional<HealthSpec> spec) {
            return Optional.of(this)
                    .filter(diagnosis -> diagnosis.action == Action.STOP)
                    .map(diagnosis -> "unhealthy: " + String.join("; ", sentences(spec, warnings)));
        }
    }

    private Health() {}

    /**
     * Looks at a finished step.
     *
     * @param before the run's state before the iteration
     * @param row the iteration's metrics
     */
    static Diagnosis diagnose(Optional<HealthSpec> health, TrainingState before, IterationMetrics row) {
        if (health.isEmpty()) {
            return new Diagnosis(Map.of(), before.vitals(), Action.WARN);
        }
        HealthSpec spec = health.get();
        Vitals known = before.vitals().orElse(Vitals.none());
        Vitals first = new Vitals(
                known.entropy().or(() -> row.value("objective/entropy")),
                known.length().or(() -> row.value("thoughts/mean_length")),
                known.unhealthy(),
                known.rollbacks());
        Map<String, Double> warnings = warnings(spec, before, first, row);
        boolean isNew =
                warnings.keySet().stream().anyMatch(metric -> !known.unhealthy().contains(metric));
        boolean refused = warnings.containsKey(Check.NON_FINITE.metric());
        Action action = action(spec.onUnhealthy(), !warnings.isEmpty(), isNew, refused);
        Optional<Rollbacks> rollbacks = known.rollbacks();
        if (action == Action.ROLLBACK) {
            Rollbacks now = oneMore(rollbacks, before.bestIteration());
            boolean tooMany =
                    spec.rollbacks().filter(most -> now.times() > most).isPresent();
            put(warnings, Check.ROLLBACKS, Optional.of((double) now.times()).filter(times -> tooMany));
            rollbacks = Optional.of(now).filter(counted -> !tooMany); // who goes on after the pause is counted afresh
        }
        return new Diagnosis(
                warnings,
                Optional.of(new Vitals(first.entropy(), first.length(), List.copyOf(warnings.keySet()), rollbacks)),
                action);
    }

    private static Rollbacks oneMore(Optional<Rollbacks> known, int iteration) {
        int times = known.filter(rollbacks -> rollbacks.iteration() == iteration)
                .map(Rollbacks::times)
                .orElse(0);
        return new Rollbacks(iteration, times + 1);
    }

    /** A check that goes on warning pauses the run once; a refused step always does, since nothing else would change. */
    private static Action action(Action wanted, boolean unhealthy, boolean isNew, boolean refused) {
        return switch (wanted) {
            case WARN -> refused ? Action.PAUSE : Action.WARN;
            case PAUSE -> refused || isNew ? Action.PAUSE : Action.WARN;
            case ROLLBACK, STOP -> unhealthy ? wanted : Action.WARN;
        };
    }

    private static Map<String, Double> warnings(
            HealthSpec spec, TrainingState before, Vitals first, IterationMetrics row) {
        Map<String, Double> warnings = new LinkedHashMap<>();
        put(warnings, Check.KL, Check.KL.above(spec, row.value("objective/kl")));
        put(warnings, Check.ENTROPY, Check.ENTROPY.below(spec, ratio(row.value("objective/entropy"), first.entropy())));
        put(warnings, Check.DISTINCT, Check.DISTINCT.below(spec, row.value("thoughts/distinct")));
        put(
                warnings,
                Check.TRUNCATED,
                Check.TRUNCATED.above(spec, row.value("val/contain_eos_token").map(ended -> 1 - ended)));
        put(warnings, Check.REWARD_SPREAD, Check.REWARD_SPREAD.below(spec, row.value("objective/scores_std")));
        Optional<Double> length = ratio(row.value("thoughts/mean_length"), first.length());
        put(warnings, Check.LENGTH, Check.LENGTH.above(spec, length));
        put(
                warnings,
                Check.LENGTH,
                length.filter(times ->
                        spec.lengthBelow().filter(least -> times < least).isPresent()));
        put(
                warnings,
                Check.LOSS,
                row.value("loss")
                        .filter(loss -> spec.lossSpike().isPresent()
                                && before.smoothedLoss()
                                        .filter(usual ->
                                                loss > usual + (spec.lossSpike().get() - 1) * Math.abs(usual))
                                        .isPresent()));
        put(
                warnings,
                Check.CHOSEN,
                Check.CHOSEN.above(
                        spec,
                        row.value("rewards/chosen")
                                .flatMap(reward -> row.value("beta").map(beta -> -reward / beta))));
        put(warnings, Check.NON_FINITE, row.value(Check.NON_FINITE.metric()));
        return warnings;
    }

    private static void put(Map<String, Double> warnings, Check check, Optional<Double> found) {
        found.ifPresent(value -> warnings.put(check.metric(), value));
    }

    /** Empty where the divisor is not above 0: an entropy may be 0 from the start. */
    private static Optional<Double> ratio(Optional<Double> value, Optional<Double> divisor) {
        return value.flatMap(now -> divisor.filter(first -> first > 0).map(first -> now / first));
    }

    /** The checks that warned in an iteration. */
    public static List<Check> warned(IterationMetrics row) {
        List<Check> warned = new ArrayList<>();
        for (Check check : Check.values()) {
            if (row.value(check.metric()).isPresent()) {
                warned.add(check);
            }
        }
        return warned;
    }

    /**
     * An iteration's warning in words: what was found, its bound, and a way out.
     *
     * @param spec by which it was checked
     */
    public static String words(Optional<HealthSpec> spec, Check check, IterationMetrics row) {
        return sentence(spec, check, row.value(check.metric()).orElse(Double.NaN)) + "; " + check.wayOut;
    }

    private static List<String> sentences(Optional<HealthSpec> spec, Map<String, Double> warnings) {
        List<String> sentences = new ArrayList<>();
        for (Check check : Check.values()) {
            Optional.ofNullable(warnings.get(check.metric()))
                    .ifPresent(found -> sentences.add(sentence(spec, check, found)));
        }
        return sentences;
    }

    private static String sentence(Optional<HealthSpec> spec, Check check, double found) {
        return String.format(
                Locale.ROOT, check.found, found, spec.flatMap(check.bound).orElse(Double.NaN));
    }
}
