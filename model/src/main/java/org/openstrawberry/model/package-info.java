/**
 * What every part of the language model stands on: the start of PyTorch with its threads and device, and the
 * counter-based random numbers. Imports neither the other packages of the model nor Temporal nor Reactor.
 */
@NullMarked
package org.openstrawberry.model;

import org.jspecify.annotations.NullMarked;
