/**
 * The prompts of a run: files of several formats, and what is left out of them. Knows the tokenizer only as a function;
 * nothing of runs, workflows or tensors.
 */
@NullMarked
package org.openstrawberry.activities.data;

import org.jspecify.annotations.NullMarked;
