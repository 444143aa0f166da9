package org.trencadis;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.tensor.Dtype;

/** Canonical bytes as numbers, element by element; every whole number above 2^53 loses its lowest bits. */
final class Elements {
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ORDER);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ORDER);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ORDER);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ORDER);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ORDER);

    private Elements() {}

    /** Whether elements of {@code dtype} are numbers that {@link #get} returns. */
    static boolean areNumbers(Dtype dtype) {
        return switch (dtype) {
            case COMPLEX32, COMPLEX64, COMPLEX128, FLOAT4_E2M1FN, FLOAT6_E2M3FN, FLOAT6_E3M2FN -> false;
            default -> true;
        };
    }

    /** Element {@code i}. */
    static double get(Dtype dtype, MemorySegment bytes, long i) {
        return switch (dtype) {
            case FLOAT32 -> bytes.get(FLOAT, i * Float.BYTES);
            case BFLOAT16 -> Float.intBitsToFloat(bytes.get(SHORT, i * Short.BYTES) << 16);
            case FLOAT16 -> Float.float16ToFloat(bytes.get(SHORT, i * Short.BYTES));
            case FLOAT64 -> bytes.get(DOUBLE, i * Double.BYTES);
            case BOOL, UINT8 -> Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, i));
            case INT8 -> bytes.get(ValueLayout.JAVA_BYTE, i);
            case INT16 -> bytes.get(SHORT, i * Short.BYTES);
            case UINT16 -> Short.toUnsignedInt(bytes.get(SHORT, i * Short.BYTES));
            case INT32 -> bytes.get(INT, i * Integer.BYTES);
            case UINT32 -> Integer.toUnsignedLong(bytes.get(INT, i * Integer.BYTES));
            case INT64 -> bytes.get(LONG, i * Long.BYTES);
            case UINT64 -> unsigned(bytes.get(LONG, i * Long.BYTES));
            default -> EightBitFloats.toDouble(dtype, bytes.get(ValueLayout.JAVA_BYTE, i));
        };
    }

    private static double unsigned(long value) {
        return value >= 0 ? value : ((value >>> 1) | (value & 1)) * 2.0;
    }
}
