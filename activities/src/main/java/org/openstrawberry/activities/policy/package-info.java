/**
 * The state of each run's policy in this process: in memory, in checkpoints, or rebuilt from a checkpoint and the logged
 * steps. All of it happens on the tensor thread.
 */
@NullMarked
package org.openstrawberry.activities.policy;

import org.jspecify.annotations.NullMarked;
