package org.openstrawberry.model.safetensors;

import ai.djl.ndarray.types.DataType;
import java.util.Arrays;
import java.util.Optional;

/** The element types of the safetensors format, by their names in the file. */
public enum ElementType {
    BOOL(1),
    U8(1),
    I8(1),
    F8_E4M3(1),
    F8_E5M2(1),
    I16(2),
    U16(2),
    F16(2),
    BF16(2),
    I32(4),
    U32(4),
    F32(4),
    I64(8),
    U64(8),
    F64(8);

    private final int bytes;

    ElementType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element in the file. */
    public int bytes() {
        return bytes;
    }

    /** Whether elements become float32 when read. */
    public boolean readsAsFloat() {
        return this == F32 || this == BF16 || this == F16;
    }

    static Optional<ElementType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /** The type as which a {@link SafetensorsFile} reads elements of this one; empty for those that it does not read. */
    Optional<DataType> arrayType() {
        return switch (this) {
            case F32, BF16, F16 -> Optional.of(DataType.FLOAT32);
            case I32 -> Optional.of(DataType.INT32);
            case I64 -> Optional.of(DataType.INT64);
            default -> Optional.empty();
        };
    }

    /** The type in the file of arrays of a type. */
    static ElementType of(DataType type) {
        return switch (type) {
            case FLOAT32 -> F32;
            case INT32 -> I32;
            case INT64 -> I64;
            default -> throw new IllegalArgumentException("cannot store arrays of " + type);
        };
    }
}
