package org.openstrawberry.activities.policy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.PairLine;
import org.openstrawberry.model.training.PairTokens;

/**
 * How far the learner's log-probabilities of the tokens are from those that the sampler wrote them with. The weights are the
 * same, so what is found is rounding: of another order of sums, or of another precision. Where sampling runs ahead it is also
 * what the step in between changed. Named as TRL names it.
 */
final class SamplerGap {
    private SamplerGap() {}

    /**
     * @param pairs of an iteration
     * @param found of the same pairs, before the step
     * @return mean and greatest difference of a token, in nats; nothing where the sampler's were not kept
     */
    static Map<String, Double> of(List<PairLine> pairs, List<PairTokens> found) {
        double[] differences = IntStream.range(0, pairs.size())
                .boxed()
                .flatMapToDouble(i -> DoubleStream.concat(
                        differences(pairs.get(i).chosenLogprobs(), found.get(i).policyChosen()),
                        differences(
                                pairs.get(i).rejectedLogprobs(), found.get(i).policyRejected())))
                .toArray();
        if (differences.length == 0) {
            return Map.of();
        }
        return Map.of(
                "sampling/sampling_logp_difference/mean",
                Arrays.stream(differences).average().orElseThrow(),
                "sampling/sampling_logp_difference/max",
                Arrays.stream(differences).max().orElseThrow());
    }

    private static DoubleStream differences(Optional<float[]> sampler, float[] learner) {
        return sampler.stream()
                .flatMapToDouble(logprobs -> IntStream.range(0, learner.length)
                        .mapToDouble(t -> Math.abs((double) logprobs[t] - learner[t])));
    }
}
