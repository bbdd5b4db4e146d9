/**
 * Processes: the command line, the embedded Temporal server, the workers, and what a person sees of a run.
 */
@NullMarked
package org.openstrawberry.worker;

import org.jspecify.annotations.NullMarked;
