package org.openstrawberry.benchmarks.micro;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.openstrawberry.activities.ranking.Ranking;
import org.openstrawberry.config.PairOrder;
import org.openstrawberry.config.PairsSpec;

/** From a prompt's scored branches to its pairs. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class RankingBenchmark {
    /** Branches of the prompt. */
    @Param({"8", "64", "1024"})
    public int branches;

    /** Whether unpreferred branches are chosen by their length. */
    @Param({"false", "true"})
    public boolean lengthMatched;

    private List<Ranking.Scored> scored;
    private PairsSpec spec;

    /** Rewards in no order. */
    @Setup(Level.Trial)
    public void setUp() {
        scored = IntStream.range(0, branches)
                .mapToObj(branch -> new Ranking.Scored(branch, branch * 7919 % 1009 / 1009.0, 16 + branch % 32))
                .toList();
        spec = spec(branches / 2);
    }

    private PairsSpec spec(int pairs) {
        return new PairsSpec(
                pairs,
                PairOrder.RANK,
                Optional.empty(),
                false,
                lengthMatched ? Optional.of(0.5) : Optional.empty(),
                Optional.empty());
    }

    /** As many pairs as there can be. */
    @Benchmark
    public List<Ranking.Ranked> pair() {
        return Ranking.pair(scored, spec, k -> 0.5);
    }
}
