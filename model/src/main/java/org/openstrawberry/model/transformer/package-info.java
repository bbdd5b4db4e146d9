/**
 * The decoder itself: a Llama-type transformer on plain NDArrays, with and without a key-value cache. May import the
 * directory and weight types of {@code pretrained}; knows nothing of sampling, losses or optimisers.
 */
@NullMarked
package org.openstrawberry.model.transformer;

import org.jspecify.annotations.NullMarked;
