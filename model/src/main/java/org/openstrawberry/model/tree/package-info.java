/**
 * Search over steps of thought: the tree, which leaves are grown next, and what is backed up from the thoughts that went on
 * from them. Pure Java on tokens and numbers; may import the model's root and {@code generation}'s records, and knows nothing
 * of tensors, rewards or files.
 */
@NullMarked
package org.openstrawberry.model.tree;

import org.jspecify.annotations.NullMarked;
