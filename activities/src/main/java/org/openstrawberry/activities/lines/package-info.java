/**
 * The lines of a run directory's {@code .jsonl} files, as records. Data only; imports nothing of the other packages.
 */
@NullMarked
package org.openstrawberry.activities.lines;

import org.jspecify.annotations.NullMarked;
