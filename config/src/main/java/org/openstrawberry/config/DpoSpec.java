package org.openstrawberry.config;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.KebabCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The preference loss. What is optional or may be absent is so that steps and histories can be read that were written
 * before it existed.
 *
 * @param loss one kind, or several with weights
 * @param beta strength of the pull towards the reference, above 0
 * @param betaSchedule its course over the iterations; absent: it stays
 * @param labelSmoothing share of preferences that are taken for wrong, from 0 and below ½; exo_pair needs it, and only
 *     robust, cdpo, aot and aot_unpaired may have it
 * @param discopopTau temperature of discopop's modulation; absent: 0.05
 * @param fDivergence of the policy from the reference; for losses of the margin only
 * @param fAlpha coefficient of alpha_divergence; absent: 0.5
 * @param ldAlpha weight, from 0 to 1, of tokens beyond the length that both completions have; absent: they count as the
 *     others
 * @param wpo whether pairs are weighted by how likely the policy is to write them
 */
@JsonNaming(KebabCaseStrategy.class)
public record DpoSpec(
        LossSpec loss,
        double beta,
        Optional<BetaScheduleSpec> betaSchedule,
        double labelSmoothing,
        Optional<Double> discopopTau,
        Optional<FDivergence> fDivergence,
        Optional<Double> fAlpha,
        Optional<Double> ldAlpha,
        boolean wpo) {

    /** Divergences of the policy from the reference. */
    public enum FDivergence {
        /** That of direct preference optimisation as first published. */
        @JsonProperty("reverse_kl")
        REVERSE_KL,
        /** Kullback–Leibler the other way round. */
        @JsonProperty("forward_kl")
        FORWARD_KL,
        /** Jensen–Shannon. */
        @JsonProperty("js_divergence")
        JS_DIVERGENCE,
        /** A family between the first two. */
        @JsonProperty("alpha_divergence")
        ALPHA_DIVERGENCE
    }

    /** Checks ranges, and that every option has an effect. */
    public DpoSpec {
        Check.positive("beta", beta);
        fDivergence = Optional.of(fDivergence.orElse(FDivergence.REVERSE_KL));
        checkSmoothing(loss, labelSmoothing);
        discopopTau.ifPresent(tau -> {
            Check.positive("discopop-tau", tau);
            requireUser("discopop-tau", tau, loss, kind -> kind == LossKind.DISCOPOP);
        });
        checkDivergence(loss, fDivergence.get(), fAlpha);
        ldAlpha.ifPresent(alpha -> {
            Check.that(alpha >= 0 && alpha <= 1, "ld-alpha", "from 0 to 1", alpha);
            requireUser("ld-alpha", alpha, loss, kind -> kind != LossKind.SFT);
        });
        betaSchedule.ifPresent(
                schedule -> requireUser("beta-schedule", schedule.finalBeta(), loss, kind -> kind != LossKind.SFT));
        if (wpo) {
            loss.first(LossKind::isSorting).ifPresent(kind -> {
                throw new SettingException(
                        "wpo", "is not for loss " + kind.written() + ", which takes pairs apart; found true", "loss");
            });
        }
    }

    /** One loss without options. */
    public static DpoSpec of(LossKind kind, double beta) {
        return new DpoSpec(
                LossSpec.of(kind),
                beta,
                Optional.empty(),
                0,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                false);
    }

    /**
     * The loss of one iteration: with the β that the schedule has then, and without the schedule.
     *
     * @param iteration counted from 1
     * @param iterations length of the schedule
     */
    public DpoSpec at(int iteration, int iterations) {
        if (betaSchedule.isEmpty()) {
            return this;
        }
        return new DpoSpec(
                loss,
                betaSchedule.get().at(beta, iteration, iterations),
                Optional.empty(),
                labelSmoothing,
                discopopTau,
                fDivergence,
                fAlpha,
                ldAlpha,
                wpo);
    }

    private static void checkSmoothing(LossSpec loss, double smoothing) {
        Check.that(smoothing >= 0 && smoothing < 0.5, "label-smoothing", "at least 0 and below 0.5", smoothing);
        if (smoothing > 0) {
            requireUser("label-smoothing", smoothing, loss, LossKind::isSmoothed);
        } else if (loss.first(kind -> kind == LossKind.EXO_PAIR).isPresent()) {
            throw new SettingException("label-smoothing", "must be > 0 with loss exo_pair, found 0", "loss");
        }
    }

    private static void checkDivergence(LossSpec loss, FDivergence divergence, Optional<Double> alpha) {
        if (divergence != FDivergence.REVERSE_KL) {
            String name = divergence.name().toLowerCase(Locale.ROOT);
            loss.first(LossKind::isOfLogRatios).ifPresent(kind -> {
                throw new SettingException(
                        "f-divergence", "must be reverse_kl with loss " + kind.written() + ", found " + name, "loss");
            });
            requireUser("f-divergence", name, loss, LossKind::isOfMargin);
        }
        if (alpha.isPresent()) {
            Check.that(Double.isFinite(alpha.get()), "f-alpha", "a finite number", alpha.get());
            if (divergence != FDivergence.ALPHA_DIVERGENCE) {
                throw new SettingException(
                        "f-alpha", "is for f-divergence alpha_divergence only, found " + alpha.get(), "f-divergence");
            }
        }
    }

    /** A setting without effect would be believed to have one. */
    private static void requireUser(String key, Object value, LossSpec loss, Predicate<LossKind> uses) {
        if (loss.first(uses).isEmpty()) {
            String users = Stream.of(LossKind.values())
                    .filter(uses)
                    .map(LossKind::written)
                    .collect(Collectors.joining(", "));
            throw new SettingException(
                    key,
                    "has no effect on loss " + loss.terms().get(0).kind().written() + "; it is for " + users
                            + ", found " + value,
                    "loss");
        }
    }
}
