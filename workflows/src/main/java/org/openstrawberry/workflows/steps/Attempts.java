package org.openstrawberry.workflows.steps;

/** How often a step is tried before the run fails with its reason; it can be resumed after that. */
public final class Attempts {
    /** A step that throws, at its fifth attempt, ends the run. */
    public static final int OF_ERRORS = 5;

    /** Processes may die at any step, and often; one that kills each process that it is given to must end somewhere. */
    public static final int OF_SILENCE = 25;

    private Attempts() {}
}
