package org.openstrawberry.workflows;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import org.openstrawberry.config.UntilSpec;
import org.openstrawberry.workflows.TrainingState.HeldOut;

/** When a run has learnt enough: the rules of {@code until}, as a pure function of the run's state. */
public final class Convergence {
    private Convergence() {}

    /** Why a run in that state should stop, in words; empty while it should go on. The first rule that holds is named. */
    public static Optional<String> reason(UntilSpec until, TrainingState state) {
        return heldOutReached(until, state)
                .or(() -> lossBelow(until, state))
                .or(() -> klAbove(until, state))
                .or(() -> plateau(until, state))
                .or(() -> wallTime(until, state))
                .or(() -> iterations(until, state));
    }

    private static Optional<String> heldOutReached(UntilSpec until, TrainingState state) {
        return until.heldOutAtLeast()
                .flatMap(target -> state.heldOut()
                        .filter(heldOut -> heldOut.value() >= target)
                        .map(heldOut -> say("held-out result %.4f has reached %.4f", heldOut.value(), target)));
    }

    private static Optional<String> lossBelow(UntilSpec until, TrainingState state) {
        return until.lossBelow()
                .flatMap(threshold -> state.smoothedLoss()
                        .filter(loss -> loss < threshold)
                        .map(loss -> say("smoothed loss %.4f is below %.4f", loss, threshold)));
    }

    private static Optional<String> klAbove(UntilSpec until, TrainingState state) {
        return until.klAbove()
                .flatMap(budget -> state.kl()
                        .filter(kl -> kl > budget)
                        .map(kl -> say("KL to the reference %.4f is above its budget %.4f", kl, budget)));
    }

    private static Optional<String> plateau(UntilSpec until, TrainingState state) {
        return until.plateau()
                .flatMap(patience -> state.heldOut()
                        .filter(heldOut -> heldOut.withoutBest() >= patience)
                        .map(Convergence::plateauReason));
    }

    private static String plateauReason(HeldOut heldOut) {
        return say(
                "no better held-out result in %d evaluations (best %.4f at iteration %d)",
                heldOut.withoutBest(), heldOut.best(), heldOut.bestIteration());
    }

    private static Optional<String> wallTime(UntilSpec until, TrainingState state) {
        return until.wallTimeLimit()
                .filter(limit -> state.seconds() >= seconds(limit))
                .map(limit -> say("trained for %.0f s of at most %.0f s", state.seconds(), seconds(limit)));
    }

    private static Optional<String> iterations(UntilSpec until, TrainingState state) {
        return state.iteration() >= until.iterations()
                ? Optional.of(say("%d iterations done", state.iteration()))
                : Optional.empty();
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }

    private static String say(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
