package org.openstrawberry.model.safetensors;

import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/** A tensor to be written whose elements are given as a stream, so that it need not exist in memory. */
public interface TensorSource {
    /** The element type in the file. */
    ElementType type();

    /** The shape. */
    Shape shape();

    /**
     * Writes all elements in row-major order, little-endian.
     *
     * @throws IOException if the channel does
     */
    void writeTo(WritableByteChannel channel) throws IOException;
}
