package org.openstrawberry.config;

/**
 * How much a worker process takes on.
 *
 * @param slots steps that it works on at a time
 * @param pollers requests for work that it has waiting at the server at a time
 */
public record WorkerSpec(Counts slots, Counts pollers) {

    /** A number for each role. */
    public record Counts(int thoughts, int rewards, int trainer) {

        /** Checks every range. */
        public Counts {
            Check.atLeast(1, "thoughts", thoughts);
            Check.atLeast(1, "rewards", rewards);
            Check.atLeast(1, "trainer", trainer);
        }
    }

    /** Checks that no poller is without a slot to work in. */
    public WorkerSpec {
        Check.that(
                pollers.thoughts() <= slots.thoughts(),
                "pollers.thoughts",
                "at most slots.thoughts",
                pollers.thoughts());
        Check.that(pollers.rewards() <= slots.rewards(), "pollers.rewards", "at most slots.rewards", pollers.rewards());
        Check.that(pollers.trainer() <= slots.trainer(), "pollers.trainer", "at most slots.trainer", pollers.trainer());
    }
}
