/**
 * The program that computes a decoder's layers, their gradients and the writing of tokens: TorchScript text, run inside
 * PyTorch, so that one call from Java does the work of hundreds. Imports nothing else of the model.
 */
@NullMarked
package org.openstrawberry.model.kernels;

import org.jspecify.annotations.NullMarked;
