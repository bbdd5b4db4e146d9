/**
 * Our side of the measurements against peers. {@code benchmarks/run} starts it beside them; docs/benchmarks.md says what is
 * measured.
 */
@NullMarked
package org.openstrawberry.benchmarks;

import org.jspecify.annotations.NullMarked;
