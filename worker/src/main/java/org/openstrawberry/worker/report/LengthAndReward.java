package org.openstrawberry.worker.report;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.openstrawberry.activities.lines.ScoreLine;
import org.openstrawberry.activities.store.RunLayout;

/**
 * Reward against length of sampled thoughts, at the beginning, in the middle and at the end of a run: whether the policy
 * has learnt to be long instead of right.
 */
record LengthAndReward(List<Group> groups) {
    private static final int ITERATIONS = 45;
    private static final int POINTS_OF_A_GROUP = 500;
    private static final long BYTES = 48L << 20;
    private static final List<String> NAMES = List.of("first third", "second third", "last third");

    /**
     * Thoughts of some iterations.
     *
     * @param points length in tokens and reward, some of the thoughts
     * @param correlation Pearson's, over all thoughts that were read
     */
    record Group(
            String name,
            String iterations,
            int thoughts,
            double length,
            double reward,
            String correlation,
            List<double[]> points) {}

    /** The part of a thought that is wanted here. */
    record Written(int prompt, int branch, int[] ids) {}

    static LengthAndReward of(RunReading run) {
        List<Integer> all = run.iterationsWith(iteration -> RunLayout.thoughts(iteration, 0));
        List<Integer> some = Spread.of(all, ITERATIONS, BYTES, iteration -> shardsSize(run, iteration))
                .members();
        List<Group> groups = new ArrayList<>();
        for (int part = 0; part < NAMES.size(); part++) {
            List<Integer> iterations =
                    some.subList(some.size() * part / NAMES.size(), some.size() * (part + 1) / NAMES.size());
            List<double[]> points = new ArrayList<>();
            iterations.forEach(iteration -> points.addAll(points(run, iteration)));
            if (!points.isEmpty()) {
                groups.add(group(NAMES.get(part), iterations, points));
            }
        }
        return new LengthAndReward(groups);
    }

    private static long shardsSize(RunReading run, int iteration) {
        return run.shards(shard -> RunLayout.thoughts(iteration, shard)).stream()
                .mapToLong(run::size)
                .sum();
    }

    private static List<double[]> points(RunReading run, int iteration) {
        Map<List<Integer>, Double> rewards = new HashMap<>();
        run.shards(shard -> RunLayout.scores(iteration, shard))
                .forEach(shard -> run.lines(shard, ScoreLine.class)
                        .forEach(line -> line.reward()
                                .ifPresent(reward -> rewards.put(List.of(line.prompt(), line.branch()), reward))));
        List<double[]> points = new ArrayList<>();
        run.shards(shard -> RunLayout.thoughts(iteration, shard))
                .forEach(shard -> run.lines(shard, Written.class).forEach(line -> {
                    Double reward = rewards.get(List.of(line.prompt(), line.branch()));
                    if (reward != null && line.ids() != null) {
                        points.add(new double[] {line.ids().length, reward});
                    }
                }));
        return points;
    }

    private static Group group(String name, List<Integer> iterations, List<double[]> points) {
        double length = points.stream().mapToDouble(point -> point[0]).average().orElse(0);
        double reward = points.stream().mapToDouble(point -> point[1]).average().orElse(0);
        double both = 0;
        double ofLength = 0;
        double ofReward = 0;
        for (double[] point : points) {
            both += (point[0] - length) * (point[1] - reward);
            ofLength += (point[0] - length) * (point[0] - length);
            ofReward += (point[1] - reward) * (point[1] - reward);
        }
        String correlation = ofLength > 0 && ofReward > 0 ? Words.number(both / Math.sqrt(ofLength * ofReward)) : "–";
        String range = iterations.get(0) + "–" + iterations.get(iterations.size() - 1);
        return new Group(
                name,
                range,
                points.size(),
                length,
                reward,
                correlation,
                Spread.of(points, POINTS_OF_A_GROUP).members());
    }
}
