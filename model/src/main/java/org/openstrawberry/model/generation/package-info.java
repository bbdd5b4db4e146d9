/**
 * Sampling of completions: prompts in waves, branches from one prefilled cache, tokens by counter-based random numbers. May
 * import {@code transformer}, {@code pretrained} and the model's root; knows nothing of losses or optimisers.
 */
@NullMarked
package org.openstrawberry.model.generation;

import org.jspecify.annotations.NullMarked;
