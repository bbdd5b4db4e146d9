package org.openstrawberry.activities.rewards;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.openstrawberry.activities.lines.PromptLine;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.lines.ThoughtLine;
import org.openstrawberry.activities.runtime.StepSpan;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/** Scores thoughts as their waves end, while later waves are generated: for rewards that are waited for, not computed. */
public final class EarlyScores implements AutoCloseable {
    private final Sinks.Many<List<ThoughtLine>> prompts = Sinks.many().unicast().onBackpressureBuffer();
    private final Scheduler scheduler = Schedulers.newSingle("early-scores", true);
    private final CompletableFuture<List<ScoreLine>> scores;

    EarlyScores(Scorer scorer, Map<Integer, PromptLine> texts) {
        scores = prompts.asFlux()
                .publishOn(scheduler)
                .flatMapSequential(thoughts -> RewardSteps.score(scorer, texts, thoughts), Scorer.CONCURRENCY)
                .collectList()
                .contextWrite(StepSpan.carried())
                .toFuture();
    }

    /** Takes all thoughts of a prompt; prompts come in the order of the shard. Never fails: a failure shows at the end. */
    public void add(List<ThoughtLine> thoughts) {
        prompts.tryEmitNext(thoughts);
    }

    /** Waits for the scores of all that was added, in that order. */
    List<ScoreLine> await() {
        prompts.tryEmitComplete();
        return scores.join();
    }

    /** Drops what is still waited for. */
    @Override
    public void close() {
        scores.cancel(true);
        scheduler.dispose();
    }
}
