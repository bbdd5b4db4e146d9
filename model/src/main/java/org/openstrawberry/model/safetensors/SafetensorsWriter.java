package org.openstrawberry.model.safetensors;

import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes safetensors files. The bytes are a function of the tensors, their order and the metadata alone; they go from the
 * engine's memory to the file in pieces, and are on the disk when a method returns. Publishing the file under its final
 * name is the caller's business.
 */
public final class SafetensorsWriter {
    /** What other programs expect of a model's file: tensors laid out as PyTorch lays them out. */
    public static final Map<String, String> PYTORCH = Map.of("format", "pt");

    private static final int PIECE = 1 << 22;
    private static final int ALIGNMENT = 8;
    private static final ObjectMapper JSON = JsonMapper.builder().build();

    private SafetensorsWriter() {}

    /**
     * Writes tensors with the metadata {@code format: pt}.
     *
     * @param path created, or replaced
     * @param tensors float32, int64 or int32, written in the map's order
     * @throws UncheckedIOException if the file cannot be written
     */
    public static void write(Path path, Map<String, NDArray> tensors) {
        write(path, tensors, PYTORCH);
    }

    /**
     * Writes tensors.
     *
     * @param path created, or replaced
     * @param tensors float32, int64 or int32, written in the map's order
     * @param metadata free texts for the header, in the map's order
     * @throws UncheckedIOException if the file cannot be written
     */
    public static void write(Path path, Map<String, NDArray> tensors, Map<String, String> metadata) {
        write(path, tensors, metadata, PIECE);
    }

    static void write(Path path, Map<String, NDArray> tensors, Map<String, String> metadata, int piece) {
        Map<String, TensorSource> sources = new LinkedHashMap<>();
        tensors.forEach((name, array) -> sources.put(name, new ArraySource(array, piece)));
        writeStreams(path, sources, metadata);
    }

    /**
     * Writes tensors that are given as streams.
     *
     * @param path created, or replaced
     * @param tensors written in the map's order
     * @param metadata free texts for the header, in the map's order
     * @throws UncheckedIOException if the file cannot be written
     */
    public static void writeStreams(Path path, Map<String, TensorSource> tensors, Map<String, String> metadata) {
        ByteBuffer header = header(tensors, metadata);
        try (FileChannel channel = FileChannel.open(
                path, StandardOpenOption.WRITE, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING)) {
            while (header.hasRemaining()) {
                channel.write(header);
            }
            for (Map.Entry<String, TensorSource> tensor : tensors.entrySet()) {
                long start = channel.position();
                tensor.getValue().writeTo(channel);
                long written = channel.position() - start;
                if (written != bytes(tensor.getValue())) {
                    throw new IllegalStateException("tensor \"" + tensor.getKey() + "\" gave " + written
                            + " bytes, expected " + bytes(tensor.getValue()));
                }
            }
            channel.force(true);
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": cannot be written: " + e.getMessage(), e);
        }
    }

    private static ByteBuffer header(Map<String, TensorSource> tensors, Map<String, String> metadata) {
        ObjectNode text = JSON.createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode free = text.putObject(Header.METADATA);
            metadata.forEach(free::put);
        }
        long offset = 0;
        for (Map.Entry<String, TensorSource> tensor : tensors.entrySet()) {
            TensorSource source = tensor.getValue();
            ObjectNode entry = text.putObject(tensor.getKey());
            entry.put("dtype", source.type().name());
            ArrayNode shape = entry.putArray("shape");
            for (long dimension : source.shape().getShape()) {
                shape.add(dimension);
            }
            entry.putArray("data_offsets").add(offset).add(offset + bytes(source));
            offset += bytes(source);
        }
        byte[] json;
        try {
            json = JSON.writeValueAsBytes(text);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree of texts and numbers is always writable", e);
        }
        int padded = (json.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        ByteBuffer bytes = ByteBuffer.allocate(Header.LENGTH_BYTES + padded).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(padded).put(json);
        while (bytes.hasRemaining()) {
            bytes.put((byte) ' ');
        }
        return bytes.flip();
    }

    private static long bytes(TensorSource source) {
        return source.shape().size() * source.type().bytes();
    }
}
