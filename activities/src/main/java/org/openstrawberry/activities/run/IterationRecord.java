package org.openstrawberry.activities.run;

import org.openstrawberry.workflows.IterationMetrics;
import org.openstrawberry.workflows.TrainingState;

/** The content of {@code iteration.json}: the iteration's row of metrics and the state after it. */
public record IterationRecord(IterationMetrics metrics, TrainingState state) {}
