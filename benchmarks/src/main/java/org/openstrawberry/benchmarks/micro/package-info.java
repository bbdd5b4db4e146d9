/**
 * Microbenchmarks of the pieces that are ours and hot. {@code benchmarks/micro} runs them; those of package-private pieces
 * stand in packages of the same names.
 */
@NullMarked
package org.openstrawberry.benchmarks.micro;

import org.jspecify.annotations.NullMarked;
