/**
 * Learning: log-probabilities, losses with their slopes, gradients over micro-batches, optimisers and learning rates. May
 * import {@code transformer}, {@code pretrained} and the model's root; knows nothing of generation, files or runs.
 */
@NullMarked
package org.openstrawberry.model.training;

import org.jspecify.annotations.NullMarked;
