package org.openstrawberry.model.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openstrawberry.config.InvalidInputException;
import org.openstrawberry.model.Torch;
import org.openstrawberry.model.Vectors;

class SafetensorsTest {
    private final Path directory;
    private final NDManager manager;

    SafetensorsTest(@TempDir Path directory) {
        this.directory = directory;
        manager = Torch.start(1, "cpu");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @Test
    void whatIsWrittenIsReadBack() {
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        tensors.put("z.weight", manager.create(new float[] {1, -2.5f, Float.NaN, 1e-40f, -0f, 3e38f}, new Shape(2, 3)));
        tensors.put("a.count", manager.create(new long[] {1L << 40, -1}));
        tensors.put("scalar", manager.create(7));
        tensors.put("empty", manager.create(new Shape(0, 4)));
        Path file = directory.resolve("t.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of("step", "3"));

        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(read.names()).containsExactly("z.weight", "a.count", "scalar", "empty");
            assertThat(read.metadata()).containsExactly(Map.entry("step", "3"));
            assertThat(read.shape("z.weight")).isEqualTo(new Shape(2, 3));
            assertThat(bits(read.read("z.weight", manager))).isEqualTo(bits(tensor(tensors, "z.weight")));
            assertThat(read.read("a.count", manager).toLongArray()).containsExactly(1L << 40, -1);
            NDArray scalar = read.read("scalar", manager);
            assertThat(scalar.getShape()).isEqualTo(new Shape());
            assertThat(scalar.getInt()).isEqualTo(7);
            assertThat(read.read("empty", manager).getShape()).isEqualTo(new Shape(0, 4));
        }
    }

    @Test
    void tensorsLongerThanAPieceAreWrittenAndReadPieceByPiece() {
        float[] numbers = new float[1000];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = i;
        }
        Map<String, NDArray> tensors = Map.of("t", manager.create(numbers, new Shape(10, 100)));
        Path file = directory.resolve("t.safetensors");
        SafetensorsWriter.write(file, tensors, Map.of(), 7);
        try (SafetensorsFile read = SafetensorsFile.open(file, 64)) {
            assertThat(read.read("t", manager).toFloatArray()).containsExactly(numbers);
        }
    }

    @Test
    void arraysLieWhereTheEngineAlignsThem() {
        try (SafetensorsFile read = SafetensorsFile.open(Vectors.model("llama").resolve("model.safetensors"))) {
            for (String name : read.names()) {
                Pointer pointer =
                        Native.getDirectBufferPointer(read.read(name, manager).toByteBuffer(true));
                assertThat(Pointer.nativeValue(pointer) % 64).as(name).isZero();
            }
        }
    }

    @Test
    void aViewIsWrittenAsItReads() {
        NDArray matrix = manager.arange(6f).reshape(2, 3);
        Path file = directory.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("t", matrix.transpose()));
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(read.shape("t")).isEqualTo(new Shape(3, 2));
            assertThat(read.read("t", manager).toFloatArray()).containsExactly(0, 3, 1, 4, 2, 5);
        }
    }

    @Test
    void writingLeavesGradientsAndTheManagerAlone() {
        NDArray parameter = manager.ones(new Shape(3));
        parameter.setRequiresGradient(true);
        int arrays = manager.getManagedArrays().size();
        SafetensorsWriter.write(directory.resolve("t.safetensors"), Map.of("t", parameter));
        assertThat(parameter.hasGradient()).isTrue();
        assertThat(manager.getManagedArrays()).hasSize(arrays);
    }

    @Test
    void theHeaderIsAlignedAndSaysPyTorchUnlessToldOtherwise() throws IOException {
        for (String name : new String[] {"a", "ab", "abc", "abcd", "abcdefgh"}) {
            Path file = directory.resolve(name);
            SafetensorsWriter.write(file, Map.of(name, manager.ones(new Shape(1))));
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
            assertThat(bytes.getLong() % 8).isZero();
            try (SafetensorsFile read = SafetensorsFile.open(file)) {
                assertThat(read.metadata()).containsExactly(Map.entry("format", "pt"));
            }
        }
    }

    @Test
    void aFileOfTheReferenceImplementationIsWrittenBackByteForByte() throws IOException {
        Path original = Vectors.model("llama").resolve("model.safetensors");
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        try (SafetensorsFile read = SafetensorsFile.open(original)) {
            read.names().forEach(name -> tensors.put(name, read.read(name, manager)));
        }
        Path copy = directory.resolve("copy.safetensors");
        SafetensorsWriter.write(copy, tensors);
        assertThat(Files.readAllBytes(copy)).isEqualTo(Files.readAllBytes(original));
    }

    @Test
    void halvesBecomeFloatsExactly() throws IOException {
        ByteBuffer data = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
        for (int half : new int[] {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x83FF, 0x0000, 0x8000, 0x7C00, 0x3555}) {
            data.putShort((short) half);
        }
        Path file = file("{\"h\":{\"dtype\":\"F16\",\"shape\":[10],\"data_offsets\":[0,20]}}", data.array());
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThat(bits(read.read("h", manager))).isEqualTo(bits(new float[] {
                1f, -2f, 65504f, 0x1p-14f, 0x1p-24f, -1023 * 0x1p-24f, 0f, -0f, Float.POSITIVE_INFINITY, 1365 / 4096f
            }));
        }
        assertThat(SafetensorsFile.halfToFloat((short) 0x7E00)).isNaN();
    }

    @Test
    void bfloatsBecomeFloatsExactly() throws IOException {
        byte[] data = {(byte) 0x80, 0x3F, 0x49, (byte) 0xC0, 0x01, 0x00};
        Path file = file("{\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}", data);
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            NDArray array = read.read("b", manager);
            assertThat(array.getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(bits(array)).isEqualTo(bits(new float[] {1f, -3.140625f, Float.intBitsToFloat(0x10000)}));
        }
    }

    @Test
    void everyTruncationIsToldWithTheFile() throws IOException {
        Path file = directory.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("t", manager.ones(new Shape(5))));
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length++) {
            Path cut = directory.resolve("cut.safetensors");
            Files.write(cut, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> SafetensorsFile.open(cut))
                    .isInstanceOf(InvalidInputException.class)
                    .hasMessageContaining(cut + ": truncated")
                    .message()
                    .hasLineCount(1);
        }
    }

    @Test
    void aTruncatedTensorIsNamedWithWhatWasFoundAndExpected() throws IOException {
        Path file = file("{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", new byte[5]);
        long size = Files.size(file);
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .hasMessage(file + ": truncated in tensor \"t\": found " + size + " bytes, expected at least "
                        + (size + 3));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}} | 4 | found 4 bytes, expected 8 for F32 of shape [2]",
                "{\"t\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}} | 4 | dtype: found \"F31\"",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}} | 4 | shape: found [-1]",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}} | 4 | data_offsets: found [4, 0]",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}} | 4 | data_offsets: found [0]",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | 8 | (a gap before it)",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}} | 6 | (it overlaps another tensor)",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | 5 | bytes after the last tensor",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}} | 4 | is too large",
                "{\"t\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"t\":{}} | 4 | Duplicate field 't'",
                "[1, 2] | 0 | not a JSON object",
                "{\"t\": | 0 | not JSON",
                "{\"t\":7} | 0 | tensor \"t\": dtype: found \"\"",
            })
    void aBrokenHeaderIsToldWithTheFile(String header, int bytes, String message) throws IOException {
        Path file = file(header, new byte[bytes]);
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageStartingWith(file + ": ")
                .hasMessageContaining(message)
                .message()
                .hasLineCount(1);
    }

    @Test
    void anotherKindOfFileIsTold() throws IOException {
        Path file =
                Files.writeString(directory.resolve("t.safetensors"), "version https://git-lfs.github.com/spec/v1\n");
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOf(InvalidInputException.class)
                .hasMessageContaining("not a safetensors file");
    }

    @Test
    void aMissingFileADirectoryAndAMissingTensorAreTold() {
        Path missing = directory.resolve("none.safetensors");
        assertThatThrownBy(() -> SafetensorsFile.open(missing))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(missing + ": no such file, expected a safetensors file");
        assertThatThrownBy(() -> SafetensorsFile.open(directory))
                .isInstanceOf(InvalidInputException.class)
                .hasMessage(directory + ": found a directory, expected a safetensors file");
        Path file = directory.resolve("t.safetensors");
        SafetensorsWriter.write(file, Map.of("t", manager.ones(new Shape(1))));
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThatThrownBy(() -> read.read("u", manager))
                    .isInstanceOf(InvalidInputException.class)
                    .hasMessage(file + ": tensor \"u\" is missing");
        }
    }

    @Test
    void aTypeThatIsNotReadIsTold() throws IOException {
        Path file = file("{\"t\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}", new byte[8]);
        try (SafetensorsFile read = SafetensorsFile.open(file)) {
            assertThatThrownBy(() -> read.read("t", manager))
                    .isInstanceOf(InvalidInputException.class)
                    .hasMessage(file + ": tensor \"t\": dtype: found F64, expected F32, BF16, F16, I64 or I32");
        }
    }

    @Test
    void aFileThatCannotBeWrittenIsTold() {
        Path file = directory.resolve("none").resolve("t.safetensors");
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of("t", manager.ones(new Shape(1)))))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageStartingWith(file + ": cannot be written: ");
    }

    private Path file(String header, byte[] data) throws IOException {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .array());
        bytes.write(text);
        bytes.write(data);
        return Files.write(directory.resolve("made.safetensors"), bytes.toByteArray());
    }

    private static NDArray tensor(Map<String, NDArray> tensors, String name) {
        NDArray tensor = tensors.get(name);
        assertThat(tensor).isNotNull();
        return tensor;
    }

    private static int[] bits(NDArray array) {
        return bits(array.toFloatArray());
    }

    private static int[] bits(float[] numbers) {
        int[] bits = new int[numbers.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(numbers[i]);
        }
        return bits;
    }
}
