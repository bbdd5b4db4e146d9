package org.openstrawberry.worker;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A fault of a chaos run and when it happens. The same seed draws the same ones; which moment of a step they hit is the
 * machine's matter.
 *
 * @param worker number of the worker that it hits
 * @param file what it waits for: the file that begins a phase
 * @param ahead that file's iteration, counted from the last one that is finished when the fault's turn comes
 * @param delay after the file has appeared
 * @param lasts how long the worker is frozen, or what was killed stays down
 */
record Fault(Kind kind, int worker, String file, int ahead, Duration delay, Duration lasts) {
    /** What happens; the likelier, the more often it stands here. */
    enum Kind {
        KILL_WORKER("worker killed", 7),
        KILL_SERVER("server killed", 3),
        KILL_BOTH("server and worker killed", 3),
        FREEZE_WORKER("worker frozen", 4),
        END_WORKER("worker told to end", 2),
        SERVER_DOWN("server away", 1);

        private final String words;
        private final int weight;

        Kind(String words, int weight) {
            this.words = words;
            this.weight = weight;
        }
    }

    private static final List<String> FILES = List.of(
            "prompts.jsonl", "thoughts-00.jsonl", "scores-00.jsonl", "pairs.jsonl", "step.json", "iteration.json");

    static List<Fault> draw(long seed, int count, int workers) {
        Random random = new Random(seed);
        List<Fault> faults = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            Kind kind = kind(random);
            faults.add(new Fault(
                    kind,
                    random.nextInt(workers),
                    FILES.get(random.nextInt(FILES.size())),
                    1 + random.nextInt(4),
                    Duration.ofMillis(random.nextInt(50)),
                    lasts(kind, random)));
        }
        return faults;
    }

    private static Kind kind(Random random) {
        List<Kind> weighted = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            for (int i = 0; i < kind.weight; i++) {
                weighted.add(kind);
            }
        }
        return weighted.get(random.nextInt(weighted.size()));
    }

    private static Duration lasts(Kind kind, Random random) {
        int longest =
                switch (kind) {
                    case SERVER_DOWN -> 45_000;
                    case FREEZE_WORKER -> 20_000;
                    default -> 3_000;
                };
        return Duration.ofMillis(random.nextInt(longest));
    }

    String words() {
        return kind.words
                + (kind == Kind.FREEZE_WORKER || kind == Kind.SERVER_DOWN ? " for " + lasts.toSeconds() + " s" : "");
    }
}
