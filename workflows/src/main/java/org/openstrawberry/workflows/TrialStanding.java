package org.openstrawberry.workflows;

import java.util.Optional;

/**
 * What a trial's run directory says.
 *
 * @param ended the run has ended with a policy, at the iteration asked for or by a rule of its own
 * @param iterations done, of those asked for
 * @param value of the measure after that iteration; empty where nothing is measured
 */
public record TrialStanding(boolean ended, int iterations, Optional<Double> value) {}
