package org.openstrawberry.model.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

class PairLossTest {
    @Test
    void lossIsLn2WhenPolicyEqualsReference() {
        PairLoss loss = PairLoss.sigmoid(new PairLogProbs(-20, -31, -20, -31), 0.1);
        assertThat(loss.value()).isCloseTo(Math.log(2), within(1e-15));
        assertThat(loss.chosenSlope()).isCloseTo(-0.05, within(1e-15));
    }

    @Test
    void hugeMarginsStayFinite() {
        PairLoss won = PairLoss.sigmoid(new PairLogProbs(0, -1e6, -1e6, 0), 1);
        assertThat(won.value()).isZero();
        assertThat(won.chosenSlope()).isZero();
        PairLoss lost = PairLoss.sigmoid(new PairLogProbs(-1e6, 0, 0, -1e6), 1);
        assertThat(lost.value()).isEqualTo(2e6);
        assertThat(lost.chosenSlope()).isEqualTo(-1);
        assertThat(lost.rejectedSlope()).isEqualTo(1);
    }

    @Property
    void slopesAreTheDerivatives(
            @ForAll @DoubleRange(min = -60, max = 0) double chosen,
            @ForAll @DoubleRange(min = -60, max = 0) double rejected,
            @ForAll @DoubleRange(min = -60, max = 0) double referenceChosen,
            @ForAll @DoubleRange(min = 0.01, max = 2) double beta) {
        double h = 1e-5;
        PairLoss loss = PairLoss.sigmoid(new PairLogProbs(chosen, rejected, referenceChosen, -30), beta);
        double byChosen = (value(chosen + h, rejected, referenceChosen, beta)
                        - value(chosen - h, rejected, referenceChosen, beta))
                / (2 * h);
        double byRejected = (value(chosen, rejected + h, referenceChosen, beta)
                        - value(chosen, rejected - h, referenceChosen, beta))
                / (2 * h);
        assertThat(loss.chosenSlope()).isCloseTo(byChosen, within(1e-7));
        assertThat(loss.rejectedSlope()).isCloseTo(byRejected, within(1e-7));
    }

    private static double value(double chosen, double rejected, double referenceChosen, double beta) {
        return PairLoss.sigmoid(new PairLogProbs(chosen, rejected, referenceChosen, -30), beta)
                .value();
    }
}
