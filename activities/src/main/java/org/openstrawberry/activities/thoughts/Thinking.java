package org.openstrawberry.activities.thoughts;

import java.util.List;
import java.util.stream.IntStream;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.policy.PolicyStates.Writer;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.runtime.Timed;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import reactor.core.publisher.Flux;

/** Streams prompts through the policy in waves. */
final class Thinking {
    private final Tensors tensors;
    private final PolicyStates states;

    Thinking(Tensors tensors, PolicyStates states) {
        this.tensors = tensors;
        this.states = states;
    }

    /**
     * The completions of one prompt.
     *
     * @param request what was asked
     * @param completions one a branch
     * @param seconds this prompt's share of its wave's time
     */
    record Answer(GenerationRequest request, List<Completion> completions, double seconds) {}

    /**
     * Completes prompts, in order. A wave is one computed batch; the next is asked for only when it is done.
     *
     * @param iteration whose policy answers
     * @param key coordinate of the random numbers
     * @param waveRows sequences in a wave, as far as whole prompts go
     */
    Flux<Answer> answers(
            Run run,
            int iteration,
            Flux<GenerationRequest> prompts,
            SamplingSettings settings,
            int branches,
            int waveRows,
            long seed,
            long key) {
        return prompts.buffer(promptsOfWave(waveRows, branches))
                .concatMap(
                        wave -> tensors.mono(() -> Timed.of(() -> think(run, iteration, wave, settings, seed, key)))
                                .flatMapIterable(timed -> zip(wave, timed)),
                        1);
    }

    /** Whole prompts that are computed in one batch. */
    static int promptsOfWave(int waveRows, int branches) {
        return Math.max(1, waveRows / branches);
    }

    private List<List<Completion>> think(
            Run run, int iteration, List<GenerationRequest> wave, SamplingSettings settings, long seed, long key) {
        Writer writer = states.writer(run, iteration);
        return new Generator(writer.decoder(), run.base().eosIds())
                .generate(writer.weights(), wave, settings, seed, key);
    }

    private static List<Answer> zip(List<GenerationRequest> wave, Timed<List<List<Completion>>> timed) {
        double share = timed.seconds() / wave.size();
        return IntStream.range(0, wave.size())
                .mapToObj(i -> new Answer(wave.get(i), timed.value().get(i), share))
                .toList();
    }
}
