package org.openstrawberry.activities.thoughts;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.Function;
import java.util.stream.Stream;
import org.openstrawberry.activities.lines.EvaluationLine;
import org.openstrawberry.activities.policy.PolicyStates;
import org.openstrawberry.activities.rewards.Reward.Sample;
import org.openstrawberry.activities.rewards.RewardException;
import org.openstrawberry.activities.rewards.Scored;
import org.openstrawberry.activities.rewards.Scorer;
import org.openstrawberry.activities.run.Run;
import org.openstrawberry.activities.run.Runs;
import org.openstrawberry.activities.runtime.StepSpan;
import org.openstrawberry.activities.runtime.Tensors;
import org.openstrawberry.activities.runtime.Timed;
import org.openstrawberry.activities.store.Json;
import org.openstrawberry.activities.store.RunLayout;
import org.openstrawberry.activities.thoughts.Thinking.Answer;
import org.openstrawberry.config.EvaluationSpec;
import org.openstrawberry.config.PromptRow;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.model.Philox;
import org.openstrawberry.model.generation.Completion;
import org.openstrawberry.model.generation.GenerationRequest;
import org.openstrawberry.model.generation.SamplingSettings;
import org.openstrawberry.model.training.Sequence;
import org.openstrawberry.workflows.steps.ArtifactRef;
import org.openstrawberry.workflows.steps.Evaluation;
import org.openstrawberry.workflows.steps.EvaluationActivities;
import org.openstrawberry.workflows.steps.RunRef;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** Answers the held-out prompts, scores the answers, and measures how far the policy has gone from where it began. */
public final class EvaluationSteps implements EvaluationActivities {
    private static final Logger log = LoggerFactory.getLogger(EvaluationSteps.class);

    private final Runs runs;
    private final Tensors tensors;
    private final PolicyStates states;
    private final Thinking thinking;
    private final Function<RewardSpec, Scorer> rewards;

    public EvaluationSteps(Runs runs, Tensors tensors, PolicyStates states, Function<RewardSpec, Scorer> rewards) {
        this.runs = runs;
        this.tensors = tensors;
        this.states = states;
        this.thinking = new Thinking(tensors, states);
        this.rewards = rewards;
    }

    @Override
    public Evaluation evaluate(RunRef ref, int iteration, EvaluationSpec spec) {
        Run run = runs.open(ref);
        String path = RunLayout.evaluation(iteration);
        DoubleAdder seconds = new DoubleAdder();
        ArtifactRef artifact = run.store().once(path, out -> {
            List<EvaluationLine> lines = lines(run, iteration, spec, seconds);
            requireScores(spec, lines); // before they are kept, so that they are asked for again
            Json.lines(lines).write(out);
        });
        List<EvaluationLine> lines = Json.readLines(run.store().resolve(path), EvaluationLine.class);
        Map<String, Double> metrics =
                EvaluationMetrics.of(lines, first(run), run.spec().reward().comparesBranches());
        String result = spec.reward().isPresent() ? EvaluationMetrics.JUDGE : EvaluationMetrics.REWARD;
        return new Evaluation(
                iteration, artifact, Optional.ofNullable(metrics.get(result)).orElseThrow(), metrics, seconds.sum());
    }

    /** What iteration 0 answered, which drift is measured from. */
    private static List<EvaluationLine> first(Run run) {
        String path = RunLayout.evaluation(0);
        return run.store().isWhole(path) ? Json.readLines(run.store().resolve(path), EvaluationLine.class) : List.of();
    }

    private static void requireScores(EvaluationSpec spec, List<EvaluationLine> lines) {
        List<EvaluationLine> greedy =
                lines.stream().filter(line -> line.sample() == 0).toList();
        if (spec.reward().isEmpty()) {
            if (greedy.stream().allMatch(line -> line.reward().isEmpty())) {
                throw new RewardException("no held-out answer has a reward; the log has the reward's errors");
            }
            return;
        }
        long judged = greedy.stream().filter(line -> line.judge().isPresent()).count();
        if (judged < spec.reward().get().quorum() * greedy.size()) {
            throw new RewardException("evaluation.reward: " + judged + " of " + greedy.size()
                    + " greedy held-out answers have a score, expected a share of "
                    + spec.reward().get().quorum() + "; the log has the judge's errors");
        }
    }

    /**
     * All answers to one prompt.
     *
     * @param completions the greedy one first
     */
    private record Answers(GenerationRequest request, List<Completion> completions) {
        static Answers of(Answer greedy, List<Completion> sampled) {
            return new Answers(
                    greedy.request(),
                    Stream.concat(greedy.completions().stream(), sampled.stream())
                            .toList());
        }

        Stream<Sequence> sampled() {
            return completions.stream().skip(1).map(sampled -> new Sequence(request.promptIds(), sampled.ids()));
        }
    }

    /**
     * What came of them, in their order.
     *
     * @param rewards empty where the reward was not asked
     * @param judged empty where there is no judge
     */
    private record Judged(Answers answers, Optional<List<Scored>> rewards, Optional<List<Scored>> judged) {}

    private List<EvaluationLine> lines(Run run, int iteration, EvaluationSpec spec, DoubleAdder seconds) {
        int length = run.spec().sampling().maxNewTokens();
        List<Answer> greedy = all(answers(run, iteration, SamplingSettings.greedy(length), 1, seconds));
        Flux<Answers> answers = spec.samples() == 0
                ? Flux.fromIterable(greedy).map(answer -> Answers.of(answer, List.of()))
                : answers(run, iteration, new SamplingSettings(1, 0, 1, 0, length), spec.samples(), seconds)
                        .zipWithIterable(greedy, (sampled, answer) -> Answers.of(answer, sampled.completions()));
        Optional<Scorer> judge = spec.reward().map(rewards);
        // A reward that compares has nothing to say where a prompt has one answer.
        Optional<Scorer> reward = Optional.of(run.spec().reward())
                .filter(own -> !own.comparesBranches() || spec.samples() > 0)
                .map(own -> rewards.apply(own.comparesBranches() ? own : own.absolute()));
        List<Judged> judged = all(
                answers.flatMapSequential(group -> score(run, iteration, group, reward, judge), Scorer.CONCURRENCY));
        return lines(run, iteration, judged, logRatios(run, iteration, judged, seconds));
    }

    private Flux<Answer> answers(Run run, int iteration, SamplingSettings settings, int branches, DoubleAdder seconds) {
        List<PromptRow> rows = run.heldOut();
        Flux<GenerationRequest> prompts =
                Flux.range(0, rows.size()).map(i -> new GenerationRequest(i, run.promptIds(rows.get(i)), branches));
        return thinking.answers(
                        run,
                        iteration,
                        prompts,
                        settings,
                        branches,
                        run.spec().sampling().waveRows(),
                        Philox.seed(run.spec().seed(), "evaluation"),
                        iteration)
                .doOnNext(answer -> seconds.add(answer.seconds()));
    }

    private static Mono<Judged> score(
            Run run, int iteration, Answers answers, Optional<Scorer> reward, Optional<Scorer> judge) {
        PromptRow row = run.heldOut().get(answers.request().prompt());
        List<Sample> group = answers.completions().stream()
                .map(completion -> new Sample(
                        row.prompt(),
                        row.fields(),
                        run.tokenizer().decode(completion.ids()),
                        completion.ended(),
                        completion.ids().length))
                .toList();
        String place =
                "evaluation " + iteration + ", prompt " + answers.request().prompt();
        return scores(reward, group, place)
                .zipWith(scores(judge, group, place + ", judge"), (own, judged) -> new Judged(answers, own, judged));
    }

    private static Mono<Optional<List<Scored>>> scores(Optional<Scorer> scorer, List<Sample> group, String place) {
        return scorer.map(asked -> asked.score(group, place).map(Optional::of)).orElse(Mono.just(Optional.empty()));
    }

    /** Those of the sampled answers, in their order; of greedy ones they would estimate no divergence. */
    private Optional<double[]> logRatios(Run run, int iteration, List<Judged> judged, DoubleAdder seconds) {
        List<Sequence> sampled =
                judged.stream().flatMap(group -> group.answers().sampled()).toList();
        if (sampled.isEmpty()) {
            return Optional.empty();
        }
        Timed<Optional<double[]>> timed =
                tensors.call(() -> Timed.of(() -> states.at(run, iteration).logRatiosToFirst(run, sampled)));
        seconds.add(timed.seconds());
        if (timed.value().isEmpty()) {
            log.warn(
                    "evaluation {}: without the KL to the first policy, whose checkpoint is missing or damaged",
                    iteration);
        }
        return timed.value();
    }

    private static List<EvaluationLine> lines(
            Run run, int iteration, List<Judged> judged, Optional<double[]> logRatios) {
        List<EvaluationLine> lines = new ArrayList<>();
        int ratios = 0;
        for (Judged group : judged) {
            int prompt = group.answers().request().prompt();
            List<Completion> completions = group.answers().completions();
            for (int sample = 0; sample < completions.size(); sample++) {
                int at = sample;
                int ratio = sample == 0 ? -1 : ratios++;
                Completion completion = completions.get(sample);
                Optional<Scored> reward = group.rewards().map(scored -> scored.get(at));
                Optional<Scored> judge = group.judged().map(scored -> scored.get(at));
                lines.add(new EvaluationLine(
                        iteration,
                        prompt,
                        sample,
                        run.heldOut().get(prompt).prompt(),
                        run.tokenizer().decode(completion.ids()),
                        completion.ids().length,
                        completion.ended(),
                        reward.flatMap(Scored::reward),
                        reward.flatMap(Scored::error),
                        judge.flatMap(Scored::reward),
                        judge.flatMap(Scored::error),
                        logRatios.filter(any -> ratio >= 0).map(all -> all[ratio])));
            }
        }
        return lines;
    }

    private static <T> List<T> all(Flux<T> stream) {
        List<T> all = stream.collectList().contextWrite(StepSpan.carried()).block();
        if (all == null) {
            throw new IllegalStateException("a stream ended without a list");
        }
        return all;
    }
}
