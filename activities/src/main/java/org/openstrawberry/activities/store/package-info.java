/**
 * The run directory: where each file lies, how a file is published once and checked on every reading, and the lock that
 * keeps two processes apart. Knows nothing of Temporal, of tensors or of what the files mean.
 */
@NullMarked
package org.openstrawberry.activities.store;

import org.jspecify.annotations.NullMarked;
