/**
 * The training of a reward model: its data, its state with checkpoints, and the steps of its workflow. Knows nothing of
 * runs of online DPO, which use the directory that comes out.
 */
@NullMarked
package org.openstrawberry.activities.rewardmodel;

import org.jspecify.annotations.NullMarked;
