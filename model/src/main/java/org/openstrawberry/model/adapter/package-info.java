/**
 * Low-rank adapters: their fresh weights, and the model that base and adapters make together. Imports {@code pretrained} and
 * the tensor helpers of {@code transformer}, never {@code training} or {@code generation}.
 */
@NullMarked
package org.openstrawberry.model.adapter;

import org.jspecify.annotations.NullMarked;
