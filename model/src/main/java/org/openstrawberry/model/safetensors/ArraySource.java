package org.openstrawberry.model.safetensors;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** An array as a stream of bytes, taken from the engine's memory piece by piece. */
record ArraySource(NDArray array, int piece) implements TensorSource {
    @Override
    public ElementType type() {
        return ElementType.of(array.getDataType());
    }

    @Override
    public Shape shape() {
        return array.getShape();
    }

    @Override
    public void writeTo(WritableByteChannel channel) throws IOException {
        long elements = array.size();
        try (NDManager scratch = array.getManager().newSubManager()) {
            // Detached: a parameter that requires gradients must not grow a graph by being saved.
            NDArray detached = array.stopGradient();
            detached.attach(scratch);
            NDArray flat = detached.reshape(elements);
            flat.attach(scratch);
            for (long from = 0; from < elements; from += piece) {
                try (NDArray part = flat.get(new NDIndex("{}:{}", from, Math.min(elements, from + piece)))) {
                    // The engine's own bytes where it can (little-endian on every platform it exists for).
                    ByteBuffer bytes = part.toByteBuffer(true);
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                }
            }
        }
    }
}
