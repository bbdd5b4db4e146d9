/**
 * Microbenchmarks of the pieces that are ours and hot. {@code benchmarks/micro} runs them.
 */
@NullMarked
package org.openstrawberry.benchmarks.micro;

import org.jspecify.annotations.NullMarked;
