package org.openstrawberry.activities.plan;

import ai.djl.ndarray.types.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.openstrawberry.activities.policy.Adapters;
import org.openstrawberry.activities.policy.Probe;
import org.openstrawberry.activities.prompts.EpochOrder;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.ReferenceSpec;
import org.openstrawberry.config.RunSpec;
import org.openstrawberry.model.pretrained.ModelConfig;

/**
 * What a run would take. Bytes are estimates for whole batches of the longest sequences, or of sequences as long as the
 * probe's where there was one.
 *
 * @param parameters of the model
 * @param trained weights that are trained
 * @param memory bytes of tensors by what they are
 * @param machine what there is
 * @param gpu the memory of model.device; empty for a processor, and where nobody knows
 * @param thoughts sequences an iteration
 * @param thoughtTokens tokens an iteration writes
 * @param trainedTokens tokens of its pairs, prompts included
 * @param diskAnIteration bytes of its artifacts
 * @param diskInAll bytes of the run directory at its end: artifacts, checkpoints that are kept, the policy
 * @param time what the probe says; empty without one
 * @param prompts the first of the first iteration
 */
public record RunPlan(
        long parameters,
        long trained,
        Map<String, Long> memory,
        Machine machine,
        Optional<GpuMemory> gpu,
        long thoughts,
        long thoughtTokens,
        long trainedTokens,
        long diskAnIteration,
        long diskInAll,
        Optional<Time> time,
        List<Prompt> prompts) {
    private static final int SHOWN = 3;
    private static final int FLOAT32 = 4;

    /** Bytes that a written token takes in thoughts: its id, its log-probability and its text. */
    private static final long TOKEN = 24;

    /** The names and numbers of a line. */
    private static final long LINE = 150;

    /**
     * How long it would take on this machine; what the reward takes is not in it.
     *
     * @param speed that was measured
     * @param warmUp seconds of the warm-up
     * @param iteration seconds of an iteration, with its share of evaluations
     * @param inAll seconds until {@code until.iterations}
     */
    public record Time(Probe.Speed speed, double warmUp, double iteration, double inAll) {}

    /**
     * A prompt as the policy sees it.
     *
     * @param text by the chat template where it is a chat
     * @param tokens of the prompt, none of which the loss counts
     * @param completion what the untrained policy wrote in the probe; its tokens, the end token included, are what the loss
     *     counts. Empty without a probe
     */
    public record Prompt(String text, int tokens, Optional<String> completion) {}

    /**
     * Plans a run.
     *
     * @param run whose inputs were checked
     * @param directory where it would lie
     * @param probed what a probe found
     */
    public static RunPlan of(Run run, Path directory, Optional<Probe.Speed> probed) {
        RunSpec spec = run.spec();
        ModelConfig model = run.base().config();
        long parameters = model.parameters();
        long trained = Adapters.of(run)
                .map(adapter -> adapter.config().tensorShapes(model).values().stream()
                        .mapToLong(Shape::size)
                        .sum())
                .orElse(parameters);
        List<PromptRow> rows = run.prompts();
        int longest =
                rows.stream().mapToInt(row -> run.promptIds(row).length).max().orElse(0);
        double meanPrompt = rows.stream()
                .mapToInt(row -> run.promptIds(row).length)
                .average()
                .orElse(0);
        double length = probed.map(Probe.Speed::meanLength)
                .orElse((double) spec.sampling().maxNewTokens());
        long thoughts = (long) spec.sampling().prompts() * spec.sampling().branches();
        long pairs = (long) spec.sampling().prompts() * spec.pairs().perPrompt();
        long thoughtTokens = Math.round(thoughts * length);
        long trainedTokens = Math.round(2 * pairs * (meanPrompt + length));
        long artifacts = Math.round(spec.sampling().prompts() * (2 * LINE + TOKEN / 2.0 * meanPrompt)
                + thoughts * (2 * LINE + TOKEN * length)
                + pairs * (4 * LINE + TOKEN / 2.0 * meanPrompt + 2 * TOKEN * length)
                + 10 * LINE
                + (double) answers(run) / spec.evaluation().every() * (LINE + 8 * length));
        int iterations = spec.until().iterations();
        return new RunPlan(
                parameters,
                trained,
                MemoryPlan.of(spec, model, trained, longest),
                Machine.here(directory),
                GpuMemory.of(spec.model().device()),
                thoughts,
                thoughtTokens,
                trainedTokens,
                artifacts,
                artifacts * iterations + checkpoints(spec, parameters, trained) + FLOAT32 * parameters,
                probed.map(speed -> time(run, speed, thoughtTokens, trainedTokens)),
                firstPrompts(run, probed));
    }

    /** Bytes of those that are kept to the end. */
    private static long checkpoints(RunSpec spec, long parameters, long trained) {
        boolean apart = spec.reference().refresh() == ReferenceSpec.Refresh.SOFT
                || spec.reference().refresh() == ReferenceSpec.Refresh.EVERY
                        && spec.checkpoints().every() % spec.reference().every() != 0;
        long one = FLOAT32 * trained * (apart ? 4 : 3);
        int iterations = spec.until().iterations();
        long kept = Math.min(
                        spec.checkpoints().keepLast() + 1L,
                        1L + iterations / spec.checkpoints().every())
                + (spec.checkpoints().keepEvery() == 0
                        ? 0
                        : iterations / spec.checkpoints().keepEvery());
        return one * kept + FLOAT32 * parameters;
    }

    private static long answers(Run run) {
        return (long) run.heldOut().size() * (1 + run.spec().evaluation().samples());
    }

    private static Time time(Run run, Probe.Speed speed, long thoughtTokens, long trainedTokens) {
        RunSpec spec = run.spec();
        double evaluation = answers(run) * speed.meanLength() / speed.writtenASecond();
        double iteration = thoughtTokens / speed.writtenASecond()
                + trainedTokens * spec.optimizer().epochs().orElse(1) / speed.trainedASecond()
                + evaluation / spec.evaluation().every();
        double warmUp = spec.warmup()
                .map(warmup -> warmup.steps() * (double) warmup.batch() * meanExample(run) / speed.trainedASecond())
                .orElse(0.0);
        return new Time(
                speed, warmUp, iteration, warmUp + iteration * spec.until().iterations());
    }

    private static double meanExample(Run run) {
        return run.warmup().stream()
                .limit(1000)
                .mapToInt(row -> run.tokenizer().encode(row.prompt()).length
                        + run.tokenizer().encodeWithout(row.completion()).length
                        + 1)
                .average()
                .orElse(0);
    }

    private static List<Prompt> firstPrompts(Run run, Optional<Probe.Speed> probed) {
        List<String> written = probed.map(Probe.Speed::completions).orElse(List.of());
        List<Prompt> prompts = new ArrayList<>();
        List<PromptRow> rows = firstRows(run, SHOWN);
        for (int i = 0; i < rows.size(); i++) {
            prompts.add(new Prompt(
                    rows.get(i).prompt(),
                    run.promptIds(rows.get(i)).length,
                    i < written.size() ? Optional.of(written.get(i)) : Optional.empty()));
        }
        return prompts;
    }

    /** The rows that the first iteration begins with. */
    static List<PromptRow> firstRows(Run run, int most) {
        List<PromptRow> rows = run.prompts();
        EpochOrder order = new EpochOrder(rows.size(), run.spec().seed(), "prompts");
        return Stream.iterate(0L, position -> position + 1)
                .limit(Math.min(most, run.spec().sampling().prompts()))
                .map(position -> rows.get(order.at(position).row()))
                .toList();
    }

    /** All tensors together, in bytes. */
    public long memoryInAll() {
        return memory.values().stream().mapToLong(Long::longValue).sum();
    }
}
