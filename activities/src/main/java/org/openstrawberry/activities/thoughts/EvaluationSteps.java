package org.openstrawberry.activities.thoughts;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.RewardException;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.Thinking.Answer;
import org.openstrawberry.config.EvaluationSpec;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.SamplingSpec;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.EvaluationActivities;
import org.openstrawberry.workflows.steps.RunRef;
import reactor.core.publisher.Flux;

/** Answers the held-out prompts and scores the answers. */
public final class EvaluationSteps implements EvaluationActivities {
    private final Runs runs;
    private final Thinking thinking;
    private final Function<RewardSpec, Scorer> rewards;

    public EvaluationSteps(Runs runs, Tensors tensors, PolicyStates states, Function<RewardSpec, Scorer> rewards) {
        this.runs = runs;
        this.thinking = new Thinking(tensors, states);
        this.rewards = rewards;
    }

    @Override
    public Evaluation evaluate(RunRef ref, int iteration, EvaluationSpec spec) {
        Run run = runs.open(ref);
        String path = RunLayout.evaluation(iteration);
        DoubleAdder seconds = new DoubleAdder();
        ArtifactRef artifact = run.store()
                .once(
                        path,
                        out -> Json.lines(lines(run, iteration, spec, seconds)).write(out));
        return evaluation(
                iteration, artifact, Json.readLines(run.store().resolve(path), EvaluationLine.class), seconds.sum());
    }

    private List<EvaluationLine> lines(Run run, int iteration, EvaluationSpec spec, DoubleAdder seconds) {
        int length = run.spec().sampling().maxNewTokens();
        List<EvaluationLine> lines =
                new ArrayList<>(answers(run, iteration, SamplingSettings.greedy(length), 1, 0, seconds));
        if (spec.samples() > 0) {
            SamplingSettings sampled = new SamplingSettings(1, 0, 1, 0, length);
            lines.addAll(answers(run, iteration, sampled, spec.samples(), 1, seconds));
        }
        lines.sort(Comparator.comparingInt(EvaluationLine::prompt).thenComparingInt(EvaluationLine::sample));
        return lines;
    }

    private List<EvaluationLine> answers(
            Run run, int iteration, SamplingSettings settings, int branches, int firstSample, DoubleAdder seconds) {
        SamplingSpec sampling = run.spec().sampling();
        List<PromptRow> rows = run.heldOut();
        Scorer scorer = rewards.apply(run.spec().reward().absolute());
        Flux<GenerationRequest> prompts =
                Flux.range(0, rows.size()).map(i -> new GenerationRequest(i, run.promptIds(rows.get(i)), branches));
        List<EvaluationLine> lines = thinking.answers(
                        run,
                        iteration,
                        prompts,
                        settings,
                        branches,
                        sampling.waveRows(),
                        Philox.seed(run.spec().seed(), "evaluation"),
                        iteration)
                .doOnNext(answer -> seconds.add(answer.seconds()))
                .flatMapSequential(
                        answer -> score(run, iteration, rows, scorer, answer, firstSample), Scorer.CONCURRENCY)
                .collectList()
                .block();
        if (lines == null) {
            throw new IllegalStateException("the stream of answers ended without a list");
        }
        return lines;
    }

    private static Flux<EvaluationLine> score(
            Run run, int iteration, List<PromptRow> rows, Scorer scorer, Answer answer, int firstSample) {
        int prompt = answer.request().prompt();
        PromptRow row = rows.get(prompt);
        List<Sample> group = answer.completions().stream()
                .map(completion -> new Sample(
                        row.prompt(),
                        row.fields(),
                        run.tokenizer().decode(completion.ids()),
                        completion.ended(),
                        completion.ids().length))
                .toList();
        return scorer.score(group, "evaluation " + iteration + ", prompt " + prompt)
                .flatMapIterable(scored -> IntStream.range(0, group.size())
                        .mapToObj(branch -> new EvaluationLine(
                                iteration,
                                prompt,
                                firstSample + branch,
                                row.prompt(),
                                group.get(branch).completion(),
                                group.get(branch).tokens(),
                                group.get(branch).ended(),
                                scored.get(branch).reward(),
                                scored.get(branch).error()))
                        .toList());
    }

    private static Evaluation evaluation(
            int iteration, ArtifactRef artifact, List<EvaluationLine> lines, double seconds) {
        List<EvaluationLine> greedy =
                lines.stream().filter(line -> line.sample() == 0).toList();
        List<EvaluationLine> sampled =
                lines.stream().filter(line -> line.sample() > 0).toList();
        double reward = meanReward(greedy);
        Map<String, Double> metrics = new LinkedHashMap<>();
        if (lines.stream().flatMap(line -> line.reward().stream()).allMatch(r -> r == 0 || r == 1)) {
            metrics.put("eval/accuracy", reward);
            if (!sampled.isEmpty()) {
                metrics.put("eval/accuracy_sampled", meanReward(sampled));
            }
        }
        metrics.put("eval/reward", reward);
        metrics.put("eval/quarantined", (double)
                lines.stream().filter(line -> line.error().isPresent()).count());
        metrics.put(
                "eval/mean_length",
                greedy.stream().mapToInt(EvaluationLine::tokens).average().orElse(0));
        return new Evaluation(iteration, artifact, reward, metrics, seconds);
    }

    private static double meanReward(List<EvaluationLine> lines) {
        return lines.stream()
                .flatMap(line -> line.reward().stream())
                .mapToDouble(Double::doubleValue)
                .average()
                .orElseThrow(() -> new RewardException("no held-out answer has a reward"));
    }
}
