/**
 * Runs in MLflow, by its REST interface. Knows run directories and nothing of steps; no step waits for it.
 */
@NullMarked
package org.openstrawberry.worker.mlflow;

import org.jspecify.annotations.NullMarked;
