package org.openstrawberry.workflows.steps;

/** The task queues by role. Workflow tasks and the small bookkeeping steps share one; each kind of heavy work has its own. */
public final class TaskQueues {
    /** Workflow tasks, prompts, ranking and the run's log. */
    public static final String RUNS = "strawberry";
    /** Generation. */
    public static final String THOUGHTS = "thoughts";
    /** Scoring. */
    public static final String REWARDS = "rewards";
    /** Whatever changes the policy or needs its newest state. */
    public static final String TRAINER = "trainer";

    private TaskQueues() {}
}
