package org.openstrawberry.activities.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.openstrawberry.activities.prompts.EpochOrder;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.runtime.Timed;
import org.openstrawberry.config.OptimizerSpec;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.Generator;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.training.PreferencePair;

/**
 * Writes and trains with a run's own model, prompts and settings for some seconds, to say how fast that goes here. The
 * policy is the one before any warm-up, and is thrown away. To be used on the tensor thread.
 */
public final class Probe {
    /** Tokens of the first answers, which also find out how slow the model is at worst. */
    private static final int FIRST = 8;

    private final Run run;
    private final PolicyState state;

    private Probe(Run run, PolicyState state) {
        this.run = run;
        this.state = state;
    }

    /**
     * How fast it goes.
     *
     * @param writtenASecond tokens written
     * @param meanLength of the thoughts, in tokens
     * @param trainedASecond tokens of pairs, prompts included, in a training step
     * @param completions one for each of the first prompts of the first iteration
     */
    public record Speed(double writtenASecond, double meanLength, double trainedASecond, List<String> completions) {}

    /**
     * Measures.
     *
     * @param seconds that it should take at most; a model of which a single prompt's thoughts take longer is cut short there
     */
    public static Speed measure(Run run, double seconds) throws Exception {
        try (PolicyState state = PolicyState.first(run, Optional.empty())) {
            return new Probe(run, state).speed(seconds);
        }
    }

    private Speed speed(double seconds) throws Exception {
        double half = seconds / 2;
        SamplingSpec sampling = run.spec().sampling();
        int most = Math.max(1, sampling.waveRows() / sampling.branches());
        int wave = Math.min(most, -Math.floorDiv(-sampling.prompts(), sampling.shards()));
        int shortest = Math.min(FIRST, sampling.maxNewTokens());
        write(1, shortest); // compiles
        Timed<List<List<Completion>>> first = Timed.of(() -> write(1, shortest));
        double slowest = tokens(first.value()) / first.seconds();
        int length = (int) Math.max(shortest, Math.min(sampling.maxNewTokens(), slowest * half / sampling.branches()));
        double left = half - first.seconds();
        Timed<List<List<Completion>>> written = Timed.of(() -> write(1, length));
        for (int prompts = 2; prompts < 2 * wave && 2.5 * written.seconds() < left; prompts *= 2) {
            left -= written.seconds();
            int next = Math.min(wave, prompts);
            written = Timed.of(() -> write(next, length));
        }
        List<List<Completion>> thoughts = written.value();
        return new Speed(
                tokens(thoughts) / written.seconds(),
                (double) tokens(thoughts) / (thoughts.size() * sampling.branches()),
                trained(thoughts, half),
                thoughts.stream()
                        .map(branches -> run.tokenizer().decode(branches.get(0).ids()))
                        .toList());
    }

    private List<List<Completion>> write(int prompts, int length) {
        RunSpec spec = run.spec();
        SamplingSpec sampling = spec.sampling();
        List<PromptRow> rows = run.prompts();
        EpochOrder order = new EpochOrder(rows.size(), spec.seed(), "prompts");
        List<GenerationRequest> requests = IntStream.range(0, prompts)
                .mapToObj(i -> new GenerationRequest(
                        i, run.promptIds(rows.get(order.at(i).row())), sampling.branches()))
                .toList();
        SamplingSettings settings =
                new SamplingSettings(sampling.temperature(), sampling.topK(), sampling.topP(), sampling.minP(), length);
        return new Generator(state.decoder(), run.base().eosIds())
                .generate(state.writing(), requests, settings, spec.seed(), 0);
    }

    private static long tokens(List<List<Completion>> thoughts) {
        return thoughts.stream()
                .flatMap(List::stream)
                .mapToLong(completion -> completion.ids().length)
                .sum();
    }

    /** Tokens a second in steps of ever more pairs; the last step is the one that counts. */
    private double trained(List<List<Completion>> thoughts, double seconds) throws Exception {
        RunSpec spec = run.spec();
        List<PromptRow> rows = run.prompts();
        EpochOrder order = new EpochOrder(rows.size(), spec.seed(), "prompts");
        List<PreferencePair> pairs = new ArrayList<>();
        int wanted = spec.sampling().prompts() * spec.pairs().perPrompt();
        for (int i = 0; i < wanted; i++) {
            int prompt = i % thoughts.size();
            List<Completion> branches = thoughts.get(prompt);
            int[] ids = run.promptIds(rows.get(order.at(prompt).row()));
            pairs.add(new PreferencePair(
                    ids,
                    branches.get(i % branches.size()).ids(),
                    branches.get((i + 1) % branches.size()).ids()));
        }
        double left = seconds;
        int size = 1;
        step(1, pairs.subList(0, size)); // compiles
        Timed<Boolean> step = timed(2, pairs.subList(0, size));
        for (int number = 3; size < wanted && 2.5 * step.seconds() < left; number++) {
            left -= step.seconds();
            size = Math.min(wanted, 2 * size);
            step = timed(number, pairs.subList(0, size));
        }
        return tokens(pairs, size) / step.seconds();
    }

    private Timed<Boolean> timed(int number, List<PreferencePair> pairs) throws Exception {
        return Timed.of(() -> {
            step(number, pairs);
            return true;
        });
    }

    /** By a rate that changes next to nothing: the weights are not to be spoilt while they are measured. */
    private void step(int number, List<PreferencePair> pairs) {
        OptimizerSpec optimizer = run.spec().optimizer();
        List<Integer> all = IntStream.range(0, pairs.size()).boxed().toList();
        state.step(number, pairs, List.of(all), run.spec().dpo(), optimizer, 1e-12);
    }

    private static long tokens(List<PreferencePair> pairs, int size) {
        return pairs.subList(0, size).stream()
                .mapToLong(pair -> 2L * pair.promptIds().length + pair.chosenIds().length + pair.rejectedIds().length)
                .sum();
    }
}
