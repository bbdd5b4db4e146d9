package org.openstrawberry.model.safetensors;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.ShortBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import org.openstrawberry.config.InvalidInputException;

/**
 * A safetensors file, open for reading. Opening reads and checks the header only and does not start the engine; tensors
 * are read piece by piece, so files and tensors may be larger than 2 GB. They are not mapped into memory: Java can't end a
 * mapping, so that all of a file would stay counted as the process's own.
 */
public final class SafetensorsFile implements AutoCloseable {
    /** Elements read and converted at a time: what a processor's cache holds. */
    private static final int PIECE = 1 << 18;

    private final Path path;
    private final FileChannel channel;
    private final Header header;
    private final int piece;

    private SafetensorsFile(Path path, FileChannel channel, Header header, int piece) {
        this.path = path;
        this.channel = channel;
        this.header = header;
        this.piece = piece;
    }

    /**
     * Opens a file and checks its header.
     *
     * @throws InvalidInputException if there is no such file, it cannot be read, is truncated or not of this format
     */
    public static SafetensorsFile open(Path path) {
        return open(path, PIECE);
    }

    static SafetensorsFile open(Path path, int piece) {
        if (Files.isDirectory(path)) {
            throw new InvalidInputException(path + ": found a directory, expected a safetensors file");
        }
        FileChannel channel;
        try {
            channel = FileChannel.open(path, StandardOpenOption.READ);
        } catch (NoSuchFileException e) {
            throw new InvalidInputException(path + ": no such file, expected a safetensors file", e);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
        try {
            return new SafetensorsFile(path, channel, Header.read(path, channel), piece);
        } catch (IOException e) {
            closeAfter(e, channel);
            throw unreadable(path, e);
        } catch (RuntimeException e) {
            closeAfter(e, channel);
            throw e;
        }
    }

    /** The file. */
    public Path path() {
        return path;
    }

    /** The tensors' names, in the header's order. */
    public Set<String> names() {
        return header.tensors().keySet();
    }

    /** The header's free texts, such as {@code format}. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /**
     * A tensor's shape.
     *
     * @throws InvalidInputException if the file has no such tensor
     */
    public Shape shape(String name) {
        return entry(name).shape();
    }

    /**
     * A tensor's element type in the file.
     *
     * @throws InvalidInputException if the file has no such tensor
     */
    public ElementType type(String name) {
        return entry(name).type();
    }

    /**
     * Reads a tensor into memory of the engine's own allocator: the alignment that it guarantees can change the last bits
     * of a matrix product.
     *
     * @param name a tensor of the file
     * @param manager owner of the array, which also says on which device it is
     * @return float32 for F32, BF16 and F16; int64 for I64; int32 for I32
     * @throws InvalidInputException if there is no such tensor, its type is another one, or the file cannot be read
     */
    public NDArray read(String name, NDManager manager) {
        Header.Entry entry = entry(name);
        DataType type = entry.type()
                .arrayType()
                .orElseThrow(() -> new InvalidInputException(path + ": tensor \"" + name + "\": dtype: found "
                        + entry.type() + ", expected F32, BF16, F16, I64 or I32"));
        NDArray array = manager.create(entry.shape(), type);
        long elements = entry.shape().size();
        if (elements == 0) {
            return array;
        }
        boolean asIs = isAsInMemory(entry);
        int most = (int) Math.min(piece, elements);
        ByteBuffer source =
                ByteBuffer.allocateDirect(most * entry.type().bytes()).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer converted = ByteBuffer.allocateDirect(asIs ? 0 : most * type.getNumOfBytes())
                .order(ByteOrder.nativeOrder());
        try (NDManager scratch = manager.newSubManager()) {
            NDArray flat = array.reshape(elements);
            flat.attach(scratch);
            for (long from = 0; from < elements; from += piece) {
                int count = (int) Math.min(piece, elements - from);
                fill(source.clear().limit(count * entry.type().bytes()), entry, from);
                if (!asIs) {
                    convert(source, entry.type(), converted.clear().limit(count * type.getNumOfBytes()));
                }
                try (NDArray part = scratch.create(asIs ? source : converted, new Shape(count), type)) {
                    flat.set(new NDIndex("{}:{}", from, from + count), part);
                }
            }
        } catch (IOException e) {
            array.close();
            throw unreadable(path, e);
        }
        return array;
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    private Header.Entry entry(String name) {
        Header.Entry entry = header.tensors().get(name);
        if (entry == null) {
            throw new InvalidInputException(path + ": tensor \"" + name + "\" is missing");
        }
        return entry;
    }

    private void fill(ByteBuffer buffer, Header.Entry entry, long from) throws IOException {
        long position = entry.start() + from * entry.type().bytes();
        while (buffer.hasRemaining()) {
            int read = channel.read(buffer, position);
            if (read < 0) {
                throw new EOFException("ended early, at byte " + position);
            }
            position += read;
        }
        buffer.flip();
    }

    /** Whether the bytes of the file are those of an array. */
    private static boolean isAsInMemory(Header.Entry entry) {
        boolean same =
                switch (entry.type()) {
                    case F32, I32, I64 -> true;
                    default -> false;
                };
        return same && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    }

    private static void convert(ByteBuffer source, ElementType type, ByteBuffer target) {
        switch (type) {
            case F32, I32 -> target.asIntBuffer().put(source.asIntBuffer());
            case I64 -> target.asLongBuffer().put(source.asLongBuffer());
            case BF16 -> {
                ShortBuffer halves = source.asShortBuffer();
                IntBuffer words = target.asIntBuffer();
                while (halves.hasRemaining()) {
                    words.put(halves.get() << 16);
                }
            }
            case F16 -> {
                ShortBuffer halves = source.asShortBuffer();
                IntBuffer words = target.asIntBuffer();
                while (halves.hasRemaining()) {
                    words.put(Float.floatToRawIntBits(halfToFloat(halves.get())));
                }
            }
            default -> throw new IllegalStateException("no conversion from " + type);
        }
    }

    /** IEEE 754 binary16 to binary32, exact. */
    static float halfToFloat(short half) {
        int sign = (half & 0x8000) << 16;
        int exponent = (half >>> 10) & 0x1F;
        int fraction = half & 0x3FF;
        if (exponent == 0) {
            // Zero or subnormal: the fraction counts steps of 2⁻²⁴.
            return Float.intBitsToFloat(sign | Float.floatToRawIntBits(fraction * 0x1p-24f));
        }
        if (exponent == 0x1F) {
            return Float.intBitsToFloat(sign | 0x7F800000 | fraction << 13);
        }
        return Float.intBitsToFloat(sign | (exponent + 112) << 23 | fraction << 13);
    }

    private static InvalidInputException unreadable(Path path, IOException e) {
        return new InvalidInputException(path + ": cannot be read: " + e.getMessage(), e);
    }

    private static void closeAfter(Exception failure, FileChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }
}
