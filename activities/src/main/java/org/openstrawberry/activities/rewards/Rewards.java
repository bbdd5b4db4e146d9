package org.openstrawberry.activities.rewards;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.openstrawberry.activities.rewards.Tries.Permit;
import org.openstrawberry.config.ClassifierSpec;
import org.openstrawberry.config.CommandSpec;
import org.openstrawberry.config.HttpSpec;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.config.JavaSpec;
import org.openstrawberry.config.JudgeSpec;
import org.openstrawberry.config.RewardKind;
import org.openstrawberry.config.RewardLimits;
import org.openstrawberry.config.RewardSpec;
import org.openstrawberry.config.SumSpec;
import org.openstrawberry.config.VerifierSpec;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * The rewards of this process. Each is made when a run first asks for it and shared by all that have the same settings, and
 * with it its processes, connections and limits, until this is closed.
 */
public final class Rewards implements Function<RewardSpec, Scorer>, AutoCloseable {
    private static final Duration FIRST_RETRY_OVER_A_NETWORK = Duration.ofMillis(500);

    private final Function<String, @Nullable String> environment;
    private final Classifier.Loader classifiers;
    private final Duration firstRetry;
    private final Duration firstRetryOverNetwork;
    private final Map<Key, Scorer> scorers = new LinkedHashMap<>();

    /** What tells rewards apart; the quorum is not the reward's matter. */
    private record Key(RewardKind kind, RewardLimits limits) {}

    /** What computes scores within microseconds. */
    private record Quick(Scorer scorer) implements Scorer {
        @Override
        public Mono<List<Scored>> score(List<Reward.Sample> group, String place) {
            return scorer.score(group, place);
        }

        @Override
        public boolean quick() {
            return true;
        }

        @Override
        public void close() {
            scorer.close();
        }
    }

    /** Rewards without classifiers. */
    public Rewards() {
        this(spec -> {
            throw new InvalidInputException(
                    "reward.classifier: sequence-classification models need the tensor thread of a worker");
        });
    }

    public Rewards(Classifier.Loader classifiers) {
        this(System::getenv, classifiers, Tries.FIRST_RETRY, FIRST_RETRY_OVER_A_NETWORK);
    }

    Rewards(
            Function<String, @Nullable String> environment,
            Classifier.Loader classifiers,
            Duration firstRetry,
            Duration firstRetryOverNetwork) {
        this.environment = environment;
        this.classifiers = classifiers;
        this.firstRetry = firstRetry;
        this.firstRetryOverNetwork = firstRetryOverNetwork;
    }

    /**
     * The reward that the settings describe.
     *
     * @throws InvalidInputException if something that it needs is not there: an environment variable, a class, a model
     */
    @Override
    public synchronized Scorer apply(RewardSpec spec) {
        return scorer(spec.kind(), spec.limits());
    }

    private Scorer scorer(RewardKind kind, RewardLimits limits) {
        Key key = new Key(kind, limits);
        Scorer known = scorers.get(key);
        if (known == null) {
            known = made(kind, limits);
            scorers.put(key, known);
        }
        return known;
    }

    private Scorer made(RewardKind kind, RewardLimits limits) {
        if (kind instanceof VerifierSpec verifier) {
            return new Quick(BatchScorer.each(Verifiers.of(verifier), limits, firstRetry));
        }
        if (kind instanceof CommandSpec command) {
            return CommandRewards.of(command, limits, firstRetry);
        }
        if (kind instanceof HttpSpec http) {
            return HttpRewards.of(http, limits, new Secrets(environment), firstRetryOverNetwork);
        }
        if (kind instanceof JudgeSpec judge) {
            return Judges.of(judge, limits, new Secrets(environment), firstRetryOverNetwork);
        }
        if (kind instanceof JavaSpec java) {
            RewardProvider provider = provider("reward.java", java);
            Reward reward = created("reward.java", provider, java);
            return provider.quick()
                    ? new Quick(BatchScorer.each(reward, limits, firstRetry))
                    : onThreads(reward, limits);
        }
        if (kind instanceof ClassifierSpec classifier) {
            return classifier(classifier, limits);
        }
        SumSpec sum = (SumSpec) kind;
        Map<String, Scorer> parts = new LinkedHashMap<>();
        sum.parts().forEach((name, part) -> parts.put(name, scorer(part.kind(), part.limits())));
        return new SumScorer(sum, parts);
    }

    /** @param key of the setting, for errors */
    static Reward provided(String key, JavaSpec spec) {
        return created(key, provider(key, spec), spec);
    }

    /** @param key of the setting, for errors */
    static RewardProvider provider(String key, JavaSpec spec) {
        List<String> names = new ArrayList<>();
        for (RewardProvider provider : ServiceLoader.load(RewardProvider.class)) {
            if (provider.name().equals(spec.name())) {
                return provider;
            }
            names.add(provider.name());
        }
        throw new InvalidInputException(key + ".name: found \"" + spec.name()
                + "\", expected the name of a RewardProvider on the class path, which has "
                + (names.isEmpty() ? "none" : String.join(", ", names)));
    }

    private static Reward created(String key, RewardProvider provider, JavaSpec spec) {
        try {
            return provider.create(spec.settings());
        } catch (IllegalArgumentException e) {
            throw new InvalidInputException(key + ".settings: " + e.getMessage(), e);
        }
    }

    /** Others' code may block, and maybe for good: no call waits for another's thread. */
    private Scorer onThreads(Reward reward, RewardLimits limits) {
        Scheduler threads = Schedulers.fromExecutorService(Executors.newCachedThreadPool(work -> {
            Thread thread = new Thread(work, "reward-java");
            thread.setDaemon(true);
            return thread;
        }));
        BatchReward<Permit> one = (permit, samples) -> Mono.defer(() -> reward.score(samples.get(0)))
                .map(score -> List.of(Scored.of(score)))
                .subscribeOn(threads);
        return new BatchScorer<>(one, 1, Tries.ofPermits(limits, firstRetry), () -> {
            reward.close();
            threads.dispose();
        });
    }

    private Scorer classifier(ClassifierSpec spec, RewardLimits limits) {
        Classifier model = classifiers.load(spec);
        BatchReward<Permit> reward = (permit, samples) -> model.scores(samples)
                .map(scores -> scores.stream().map(Scored::of).toList());
        return new BatchScorer<>(reward, spec.batch(), Tries.ofPermits(limits, firstRetry), model::close);
    }

    @Override
    public synchronized void close() {
        scorers.values().forEach(Scorer::close);
        scorers.clear();
    }
}
