package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.openstrawberry.model.training.PreferenceLoss.OfPair;
import org.openstrawberry.model.training.PreferenceObjective.Weighted;

class PairLossTest {
    private static final List<OfPair> LOSSES = List.of(
            new PreferenceLoss.Sigmoid(),
            new PreferenceLoss.Hinge(),
            new PreferenceLoss.Ipo(),
            new PreferenceLoss.IpoSum(),
            new PreferenceLoss.ExoPair(0.1),
            new PreferenceLoss.NcaPair(),
            new PreferenceLoss.Robust(0.2),
            new PreferenceLoss.Cdpo(0.2),
            new PreferenceLoss.BcoPair(),
            new PreferenceLoss.SppoHard(),
            new PreferenceLoss.ApoZero(),
            new PreferenceLoss.ApoDown(),
            new PreferenceLoss.Discopop(0.05),
            new PreferenceLoss.SigmoidNorm());

    private static final List<Divergence> DIVERGENCES = List.of(
            new Divergence.ReverseKl(),
            new Divergence.ForwardKl(),
            new Divergence.JensenShannon(),
            new Divergence.Alpha(0.5),
            new Divergence.Alpha(2),
            new Divergence.Alpha(1));

    @Test
    void lossIsLn2WhenPolicyEqualsReference() {
        PairLoss loss = new PreferenceLoss.Sigmoid().of(scores(new PairLogProbs(-20, -31, -20, -31)), 0.1);
        assertThat(loss.value()).isCloseTo(Math.log(2), within(1e-15));
        assertThat(loss.chosenSlope()).isCloseTo(-0.05, within(1e-15));
    }

    @Test
    void hugeMarginsStayFinite() {
        PairLoss won = new PreferenceLoss.Sigmoid().of(scores(new PairLogProbs(0, -1e6, -1e6, 0)), 1);
        assertThat(won.value()).isZero();
        assertThat(won.chosenSlope()).isZero();
        PairLoss lost = new PreferenceLoss.Sigmoid().of(scores(new PairLogProbs(-1e6, 0, 0, -1e6)), 1);
        assertThat(lost.value()).isEqualTo(2e6);
        assertThat(lost.chosenSlope()).isEqualTo(-1);
        assertThat(lost.rejectedSlope()).isEqualTo(1);
        for (OfPair loss : LOSSES) {
            for (double far : new double[] {-1e6, 1e6}) {
                PairLoss found = loss.of(scores(new PairLogProbs(far, -far, 0, 0)), 1);
                assertThat(List.of(found.value(), found.chosenSlope(), found.rejectedSlope()))
                        .as(loss.toString())
                        .allMatch(Double::isFinite);
            }
        }
    }

    @Property(tries = 1000, edgeCases = EdgeCasesMode.MIXIN)
    void slopesAreTheDerivatives(
            @ForAll("losses") OfPair loss,
            @ForAll @DoubleRange(min = -20, max = 20) double chosen,
            @ForAll @DoubleRange(min = -20, max = 20) double rejected,
            @ForAll @IntRange(min = 1, max = 9) int chosenTokens,
            @ForAll @IntRange(min = 1, max = 9) int rejectedTokens,
            @ForAll @DoubleRange(min = 0.01, max = 2) double beta) {
        double h = 1e-5;
        PairLoss found = loss.of(scores(chosen, rejected, chosenTokens, rejectedTokens), beta);
        if (loss instanceof PreferenceLoss.Hinge && Math.abs(1 - beta * (chosen - rejected)) < 1e-4) {
            return; // the corner has no derivative
        }
        double byChosen = (loss.of(scores(chosen + h, rejected, chosenTokens, rejectedTokens), beta)
                                .value()
                        - loss.of(scores(chosen - h, rejected, chosenTokens, rejectedTokens), beta)
                                .value())
                / (2 * h);
        double byRejected = (loss.of(scores(chosen, rejected + h, chosenTokens, rejectedTokens), beta)
                                .value()
                        - loss.of(scores(chosen, rejected - h, chosenTokens, rejectedTokens), beta)
                                .value())
                / (2 * h);
        assertThat(found.chosenSlope()).isCloseTo(byChosen, within(1e-6 * Math.max(10, Math.abs(byChosen))));
        assertThat(found.rejectedSlope()).isCloseTo(byRejected, within(1e-6 * Math.max(10, Math.abs(byRejected))));
    }

    @Property
    void slopesOfScoresAreTheDerivatives(
            @ForAll("divergences") Divergence divergence, @ForAll @DoubleRange(min = -8, max = 8) double ratio) {
        double h = 1e-5;
        double slope = (divergence.score(ratio + h) - divergence.score(ratio - h)) / (2 * h);
        assertThat(divergence.slope(ratio)).isCloseTo(slope, within(1e-6 * Math.max(10, Math.abs(slope))));
    }

    @Property
    void everyDivergenceKeepsTheOrderAndHasNoScoreAtEquality(
            @ForAll("divergences") Divergence divergence, @ForAll @DoubleRange(min = -20, max = 20) double ratio) {
        assertThat(divergence.score(0)).isCloseTo(0, within(1e-15));
        assertThat(divergence.score(ratio + 1e-3)).isGreaterThan(divergence.score(ratio));
    }

    @Test
    void lossesOfOneSideTakeNoOtherDivergence() {
        for (PreferenceLoss loss : List.of(
                new PreferenceLoss.NcaPair(),
                new PreferenceLoss.BcoPair(),
                new PreferenceLoss.SppoHard(),
                new PreferenceLoss.Aot(0))) {
            assertThatThrownBy(() -> new PreferenceObjective(
                            List.of(new Weighted(loss, 1)), 0.1, new Divergence.ForwardKl(), 1, false))
                    .hasMessageContaining("is a function of log-ratios");
        }
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new PreferenceLoss.ExoPair(0)).hasMessage("smoothing must be > 0, found 0");
        assertThatThrownBy(() -> new PreferenceLoss.Robust(0.5)).hasMessageContaining("below 0.5, found 0.5");
        assertThatThrownBy(() -> new PreferenceLoss.Discopop(0)).hasMessageContaining("tau must be > 0");
        assertThatThrownBy(() -> PreferenceObjective.sigmoid(0)).hasMessage("beta must be > 0, found 0.0");
        assertThatThrownBy(() -> new Weighted(new PreferenceLoss.Sft(), -1)).hasMessageContaining("weight must be > 0");
    }

    @Provide
    Arbitrary<OfPair> losses() {
        return Arbitraries.of(LOSSES);
    }

    @Provide
    Arbitrary<Divergence> divergences() {
        return Arbitraries.of(DIVERGENCES);
    }

    private static PairScores scores(PairLogProbs pair) {
        return PairScores.of(pair, new Divergence.ReverseKl(), 3, 4);
    }

    private static PairScores scores(double chosen, double rejected, int chosenTokens, int rejectedTokens) {
        return new PairScores(chosen, rejected, chosen - rejected, chosenTokens, rejectedTokens);
    }
}
