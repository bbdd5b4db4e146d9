/**
 * The report of a run: one page that needs nothing else, made from what the run directory holds. Reads run directories and
 * writes a file; knows no Temporal and no tensors.
 */
@NullMarked
package org.openstrawberry.worker.report;

import org.jspecify.annotations.NullMarked;
