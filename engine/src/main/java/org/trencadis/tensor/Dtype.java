package org.trencadis.tensor;

import java.util.HashMap;
import java.util.Map;

/**
 * An element type: its code in SPEC.md, its width and its names in the frameworks.
 *
 * <p>Names are torch's ({@code torch.bfloat16} is {@code bfloat16}). Codes never change and are never reused.
 */
public enum Dtype {
    BOOL(1, 8, "bool", "BOOL", "|b1"),
    UINT8(2, 8, "uint8", "U8", "|u1"),
    INT8(3, 8, "int8", "I8", "|i1"),
    INT16(4, 16, "int16", "I16", "<i2"),
    UINT16(5, 16, "uint16", "U16", "<u2"),
    INT32(6, 32, "int32", "I32", "<i4"),
    UINT32(7, 32, "uint32", "U32", "<u4"),
    INT64(8, 64, "int64", "I64", "<i8"),
    UINT64(9, 64, "uint64", "U64", "<u8"),
    FLOAT16(10, 16, "float16", "F16", "<f2"),
    BFLOAT16(11, 16, "bfloat16", "BF16", null),
    FLOAT32(12, 32, "float32", "F32", "<f4"),
    FLOAT64(13, 64, "float64", "F64", "<f8"),
    COMPLEX32(14, 32, "complex32", null, null),
    COMPLEX64(15, 64, "complex64", "C64", "<c8"),
    COMPLEX128(16, 128, "complex128", null, "<c16"),
    FLOAT8_E4M3FN(17, 8, "float8_e4m3fn", "F8_E4M3", null),
    FLOAT8_E5M2(18, 8, "float8_e5m2", "F8_E5M2", null),
    FLOAT8_E4M3FNUZ(19, 8, "float8_e4m3fnuz", "F8_E4M3FNUZ", null),
    FLOAT8_E5M2FNUZ(20, 8, "float8_e5m2fnuz", "F8_E5M2FNUZ", null),
    FLOAT8_E8M0FNU(21, 8, "float8_e8m0fnu", "F8_E8M0", null),
    FLOAT4_E2M1FN(22, 4, "float4_e2m1fn", "F4", null),
    FLOAT6_E2M3FN(23, 6, "float6_e2m3fn", "F6_E2M3", null),
    FLOAT6_E3M2FN(24, 6, "float6_e3m2fn", "F6_E3M2", null);

    private static final Dtype[] BY_CODE = new Dtype[values().length + 1];
    private static final Map<String, Dtype> BY_TORCH_NAME = new HashMap<>();

    static {
        for (Dtype dtype : values()) {
            BY_CODE[dtype.code] = dtype;
            BY_TORCH_NAME.put(dtype.torchName, dtype);
        }
    }

    private final int code;
    private final int bits;
    private final String torchName;
    private final String safetensorsName;
    private final String numpyDescription;

    Dtype(int code, int bits, String torchName, String safetensorsName, String numpyDescription) {
        this.code = code;
        this.bits = bits;
        this.torchName = torchName;
        this.safetensorsName = safetensorsName;
        this.numpyDescription = numpyDescription;
    }

    /** The code in SPEC.md, from 1. */
    public int code() {
        return code;
    }

    /** Bits of one element; below 8 elements are packed, first element in the lowest bits. */
    public int bits() {
        return bits;
    }

    /** Bytes of one element; only for types of whole bytes. */
    public int bytes() {
        if (bits % 8 != 0) {
            throw new IllegalStateException(torchName + " has " + bits + " bits, not whole bytes");
        }
        return bits / 8;
    }

    /** Bytes of {@code elements} elements, the last one padded with zero bits. */
    public long bytes(long elements) {
        long whole = Math.multiplyExact(elements / 8, (long) bits);
        return whole + (elements % 8 * bits + 7) / 8;
    }

    /** The name torch prints after {@code torch.}. */
    public String torchName() {
        return torchName;
    }

    /** The safetensors name, or null where that format has none. */
    public String safetensorsName() {
        return safetensorsName;
    }

    /** The {@code descr} of a {@code .npy} header, or null where numpy has no such type. */
    public String numpyDescription() {
        return numpyDescription;
    }

    /** A float whose values can be compared and converted element by element. */
    public boolean isFloat() {
        return this == FLOAT16 || this == BFLOAT16 || this == FLOAT32 || this == FLOAT64;
    }

    /** The type with {@code code}, or null. */
    public static Dtype find(int code) {
        return code > 0 && code < BY_CODE.length ? BY_CODE[code] : null;
    }

    /** The type that torch calls {@code name}, or null. */
    public static Dtype find(String name) {
        return BY_TORCH_NAME.get(name);
    }
}
