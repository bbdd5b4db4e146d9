package org.openstrawberry.model.training;

/**
 * The kinds of preference loss, by the names that TRL gives them. With the scores s_w and s_l of a pair's preferred and
 * other completion (log-ratios Δ = log π − log π_ref, or what a {@link Divergence} makes of them), δ = s_w − s_l, and the
 * completions' numbers of tokens |y_w| and |y_l|. All are finite for every finite argument but {@link Discopop}, whose
 * exponential part grows without a bound that float64 could hold where the margin is extremely negative and τ above 1.
 */
public sealed interface PreferenceLoss {
    /** A loss that is the mean over the pairs of a function of each pair alone. */
    sealed interface OfPair extends PreferenceLoss {
        /**
         * The loss of a pair.
         *
         * @param pair its scores
         * @param beta β, above 0
         * @return loss and slopes
         */
        PairLoss of(PairScores pair, double beta);
    }

    /** A loss that sorts the batch: the mean of a function of the i-th smallest difference of two sorted lists. */
    sealed interface Sorting extends PreferenceLoss {
        /** @return ε */
        double smoothing();

        /**
         * The loss of one place of the sorted lists: −(1−ε) log σ(βd) − ε log σ(−βd).
         *
         * @param difference d
         * @param beta β, above 0
         * @return value, and derivative by the difference as {@code chosenSlope}
         */
        default PairLoss at(double difference, double beta) {
            return smoothed(difference, beta, smoothing());
        }
    }

    /**
     * −log σ(βδ). Direct preference optimisation: Rafailov et al. 2023, arXiv 2305.18290, equation 7.
     */
    record Sigmoid() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double z = beta * pair.margin();
            return PairLoss.ofMargin(-Logistic.logSigmoid(z), -beta * Logistic.sigmoid(-z));
        }
    }

    /** max(0, 1 − βδ). Sequence likelihood calibration (SLiC): Zhao et al. 2023, arXiv 2305.10425. */
    record Hinge() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double shortfall = 1 - beta * pair.margin();
            return shortfall > 0 ? PairLoss.ofMargin(shortfall, -beta) : new PairLoss(0, 0, 0);
        }
    }

    /**
     * (s_w/|y_w| − s_l/|y_l| − 1/(2β))². Identity preference optimisation: Azar et al. 2023, arXiv 2310.12036, equation
     * 17, on means over tokens as its authors confirmed to TRL. {@link IpoSum} is that on sums.
     */
    record Ipo() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double off = pair.marginOfMeans() - 1 / (2 * beta);
            return PairLoss.ofMeans(pair, off * off, 2 * off);
        }
    }

    /**
     * (δ − 1/(2β))². {@link Ipo} on sums over tokens, as the paper writes it and as OpenRLHF and TRL's online trainer take
     * it.
     */
    record IpoSum() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double off = pair.margin() - 1 / (2 * beta);
            return PairLoss.ofMargin(off * off, 2 * off);
        }
    }

    /**
     * σ(βδ)[log σ(βδ) − log(1−ε)] + σ(−βδ)[log σ(−βδ) − log ε]. Exact optimisation, for two completions: Ji et al. 2024,
     * arXiv 2402.00856, equation 16.
     *
     * @param smoothing ε, above 0 and below ½
     */
    record ExoPair(double smoothing) implements OfPair {
        public ExoPair {
            requireSmoothing(smoothing);
            if (smoothing == 0) {
                throw new IllegalArgumentException("smoothing must be > 0, found 0");
            }
        }

        @Override
        public PairLoss of(PairScores pair, double beta) {
            double z = beta * pair.margin();
            double q = Logistic.sigmoid(z);
            double opposite = Logistic.sigmoid(-z);
            double value = q * (Logistic.logSigmoid(z) - Math.log1p(-smoothing))
                    + opposite * (Logistic.logSigmoid(-z) - Math.log(smoothing));
            // log σ(z) − log σ(−z) = z
            double slope = q * opposite * (z - Math.log1p(-smoothing) + Math.log(smoothing));
            return PairLoss.ofMargin(value, beta * slope);
        }
    }

    /**
     * −log σ(βs_w) − ½ log σ(−βs_w) − ½ log σ(−βs_l). Noise contrastive alignment for pairs: Chen et al. 2024, arXiv
     * 2402.05369.
     */
    record NcaPair() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double a = beta * pair.chosen();
            double b = beta * pair.rejected();
            return new PairLoss(
                    -Logistic.logSigmoid(a) - (Logistic.logSigmoid(-a) + Logistic.logSigmoid(-b)) / 2,
                    beta * (Logistic.sigmoid(a) / 2 - Logistic.sigmoid(-a)),
                    beta * Logistic.sigmoid(b) / 2);
        }
    }

    /**
     * [−(1−ε) log σ(βδ) + ε log σ(−βδ)]/(1 − 2ε). Robust DPO, for labels of which a share ε is wrong: Chowdhury et al.
     * 2024, arXiv 2403.00409. May be negative.
     *
     * @param smoothing ε, from 0, below ½
     */
    record Robust(double smoothing) implements OfPair {
        public Robust {
            requireSmoothing(smoothing);
        }

        @Override
        public PairLoss of(PairScores pair, double beta) {
            double z = beta * pair.margin();
            double scale = 1 - 2 * smoothing;
            return PairLoss.ofMargin(
                    (-(1 - smoothing) * Logistic.logSigmoid(z) + smoothing * Logistic.logSigmoid(-z)) / scale,
                    -beta * ((1 - smoothing) * Logistic.sigmoid(-z) + smoothing * Logistic.sigmoid(z)) / scale);
        }
    }

    /**
     * −(1−ε) log σ(βδ) − ε log σ(−βδ). Conservative DPO: Mitchell 2023, "A note on DPO with noisy preferences"; what
     * OpenRLHF, torchtune and LLaMA-Factory call label smoothing. TRL has no name for it.
     *
     * @param smoothing ε, from 0, below ½
     */
    record Cdpo(double smoothing) implements OfPair {
        public Cdpo {
            requireSmoothing(smoothing);
        }

        @Override
        public PairLoss of(PairScores pair, double beta) {
            return smoothed(pair.margin(), beta, smoothing);
        }
    }

    /**
     * −log σ(βs_w) − log σ(−βs_l). Binary classifier optimisation: Jung et al. 2024, arXiv 2404.04656, for pairs and
     * without the running mean of rewards that some implementations subtract.
     */
    record BcoPair() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double a = beta * pair.chosen();
            double b = beta * pair.rejected();
            return new PairLoss(
                    -Logistic.logSigmoid(a) - Logistic.logSigmoid(-b),
                    -beta * Logistic.sigmoid(-a),
                    beta * Logistic.sigmoid(b));
        }
    }

    /**
     * (s_w − 1/(2β))² + (s_l + 1/(2β))². Self-play preference optimisation with a sure winner: Wu et al. 2024, arXiv
     * 2405.00675, equation 4.7.
     */
    record SppoHard() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double chosen = pair.chosen() - 1 / (2 * beta);
            double rejected = pair.rejected() + 1 / (2 * beta);
            return new PairLoss(chosen * chosen + rejected * rejected, 2 * chosen, 2 * rejected);
        }
    }

    /**
     * Alignment by optimal transport: Melnyk et al. 2024, arXiv 2406.05882, algorithm 1, paired. The batch's log-ratios
     * log π(y_w) − log π(y_l) and those of the reference are each sorted; d is their difference, place by place.
     *
     * @param smoothing ε, from 0, below ½
     */
    record Aot(double smoothing) implements Sorting {
        public Aot {
            requireSmoothing(smoothing);
        }
    }

    /**
     * As {@link Aot}, unpaired: the batch's s_w and its s_l are each sorted; d is their difference, place by place.
     *
     * @param smoothing ε, from 0, below ½
     */
    record AotUnpaired(double smoothing) implements Sorting {
        public AotUnpaired {
            requireSmoothing(smoothing);
        }
    }

    /**
     * 1 − σ(βs_w) + σ(βs_l). Anchored preference optimisation, for completions better than the policy's own: D'Oosterlinck
     * et al. 2024, arXiv 2408.06266, equation 7.
     */
    record ApoZero() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double a = beta * pair.chosen();
            double b = beta * pair.rejected();
            return new PairLoss(
                    Logistic.sigmoid(-a) + Logistic.sigmoid(b), -beta * Logistic.slope(a), beta * Logistic.slope(b));
        }
    }

    /** σ(βs_w) + 1 − σ(βδ). As {@link ApoZero}, for completions worse than the policy's own: equation 8. */
    record ApoDown() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double a = beta * pair.chosen();
            double z = beta * pair.margin();
            return new PairLoss(
                    Logistic.sigmoid(a) + Logistic.sigmoid(-z),
                    beta * (Logistic.slope(a) - Logistic.slope(z)),
                    beta * Logistic.slope(z));
        }
    }

    /**
     * (1−m)(−log σ(βδ)) + m·e^(−βδ), where m = σ(βδ/τ). Found by a language model: Lu et al. 2024, arXiv 2406.08414,
     * equation 5.
     *
     * @param tau τ, above 0
     */
    record Discopop(double tau) implements OfPair {
        public Discopop {
            if (!(tau > 0 && Double.isFinite(tau))) {
                throw new IllegalArgumentException("tau must be > 0, found " + tau);
            }
        }

        @Override
        public PairLoss of(PairScores pair, double beta) {
            double z = beta * pair.margin();
            double m = Logistic.sigmoid(z / tau);
            double rest = Logistic.sigmoid(-z / tau);
            double logSigmoid = Logistic.logSigmoid(z);
            // As one exponential: apart, a vanishing m would meet an infinite e^(−z).
            double exponential = Math.exp(Logistic.logSigmoid(z / tau) - z); // m·e^(−z)
            double value = rest * -logSigmoid + exponential;
            double slope = rest * (exponential + m * logSigmoid) / tau - rest * Logistic.sigmoid(-z) - exponential;
            return PairLoss.ofMargin(value, beta * slope);
        }
    }

    /**
     * −Σ log π(y_t) over all tokens of the batch's preferred completions, divided by their number: supervised fine-tuning
     * as a part of a mixture. Knows neither reference nor β.
     */
    record Sft() implements PreferenceLoss {}

    /** −log σ(β(s_w/|y_w| − s_l/|y_l|)). Length-normalised DPO: Lambert et al. 2024 (Tülu 3), arXiv 2411.15124. */
    record SigmoidNorm() implements OfPair {
        @Override
        public PairLoss of(PairScores pair, double beta) {
            double z = beta * pair.marginOfMeans();
            return PairLoss.ofMeans(pair, -Logistic.logSigmoid(z), -beta * Logistic.sigmoid(-z));
        }
    }

    private static PairLoss smoothed(double margin, double beta, double smoothing) {
        double z = beta * margin;
        return PairLoss.ofMargin(
                -(1 - smoothing) * Logistic.logSigmoid(z) - smoothing * Logistic.logSigmoid(-z),
                beta * (smoothing * Logistic.sigmoid(z) - (1 - smoothing) * Logistic.sigmoid(-z)));
    }

    private static void requireSmoothing(double smoothing) {
        if (!(smoothing >= 0 && smoothing < 0.5)) {
            throw new IllegalArgumentException("smoothing must be from 0 and below 0.5, found " + smoothing);
        }
    }
}
