/**
 * The decoder itself: passes over texts and their way back, and the writing of tokens on a key-value cache. What is
 * computed stands in {@code kernels}. May import the directory and weight types of {@code pretrained}; knows nothing of
 * losses or optimisers.
 */
@NullMarked
package org.openstrawberry.model.transformer;

import org.jspecify.annotations.NullMarked;
