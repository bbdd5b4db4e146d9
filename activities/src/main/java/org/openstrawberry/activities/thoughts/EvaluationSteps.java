package org.openstrawberry.activities.thoughts;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.Function;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.rewards.Reward;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.RewardException;
import org.openstrawberry.activities.rewards.Scoring;
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
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.EvaluationActivities;
import org.openstrawberry.workflows.steps.RunRef;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Answers the held-out prompts and scores the answers. */
public final class EvaluationSteps implements EvaluationActivities {
    private final Runs runs;
    private final Thinking thinking;
    private final Function<RewardSpec, Reward> rewards;

    public EvaluationSteps(Runs runs, Tensors tensors, PolicyStates states, Function<RewardSpec, Reward> rewards) {
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
        Reward reward = rewards.apply(run.spec().reward());
        Flux<GenerationRequest> prompts = Flux.range(0, rows.size())
                .map(i -> new GenerationRequest(
                        i, run.tokenizer().encode(rows.get(i).prompt()), branches));
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
                .concatMap(answer -> score(run, iteration, rows, reward, answer, firstSample))
                .collectList()
                .block();
        if (lines == null) {
            throw new IllegalStateException("the stream of answers ended without a list");
        }
        return lines;
    }

    private static Flux<EvaluationLine> score(
            Run run, int iteration, List<PromptRow> rows, Reward reward, Answer answer, int firstSample) {
        PromptRow row = rows.get(answer.request().prompt());
        return Flux.range(0, answer.completions().size())
                .flatMapSequential(
                        branch -> line(run, iteration, row, reward, answer, branch, firstSample + branch),
                        Scoring.CONCURRENCY);
    }

    private static Mono<EvaluationLine> line(
            Run run, int iteration, PromptRow row, Reward reward, Answer answer, int branch, int sample) {
        Completion completion = answer.completions().get(branch);
        String text = run.tokenizer().decode(completion.ids());
        String place = "evaluation " + iteration + ", prompt " + row.row() + ", sample " + sample;
        return Scoring.score(reward, new Sample(row.prompt(), row.fields(), text, completion.ended()), place)
                .map(scored -> new EvaluationLine(
                        iteration,
                        row.row(),
                        sample,
                        row.prompt(),
                        text,
                        completion.ids().length,
                        completion.ended(),
                        scored.reward(),
                        scored.error()));
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
