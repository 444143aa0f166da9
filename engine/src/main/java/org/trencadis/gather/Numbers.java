package org.trencadis.gather;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.tensor.Dtype;

/** Reads elements of any type as doubles: exact, but for whole numbers past 2^53, which are rounded. */
final class Numbers {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Numbers() {}

    /** The numbers that an element consists of: 2 for complex types. */
    static int partsOf(Dtype dtype) {
        return ElementEncoding.isComplex(dtype) ? 2 : 1;
    }

    /** Reads {@code count} elements from the start of {@code source}; complex ones as real, imaginary, real … */
    static void load(Dtype dtype, MemorySegment source, int count, double[] numbers) {
        int all = count * partsOf(dtype);
        switch (dtype) {
            case FLOAT32, COMPLEX64 -> {
                for (int i = 0; i < all; i++) {
                    numbers[i] = Float.intBitsToFloat(source.get(INT, 4L * i));
                }
            }
            case FLOAT64, COMPLEX128 -> {
                for (int i = 0; i < all; i++) {
                    numbers[i] = Double.longBitsToDouble(source.get(LONG, 8L * i));
                }
            }
            case BFLOAT16 -> {
                for (int i = 0; i < all; i++) {
                    numbers[i] = Float.intBitsToFloat(source.get(SHORT, 2L * i) << 16);
                }
            }
            case FLOAT16, COMPLEX32 -> {
                for (int i = 0; i < all; i++) {
                    numbers[i] = Float.float16ToFloat(source.get(SHORT, 2L * i));
                }
            }
            case BOOL, UINT8, INT8, INT16, UINT16, INT32, UINT32, INT64, UINT64 ->
                loadWhole(dtype, source, count, numbers);
            default -> loadSmall(dtype, source, count, numbers);
        }
    }

    private static void loadWhole(Dtype dtype, MemorySegment source, int count, double[] numbers) {
        for (int i = 0; i < count; i++) {
            numbers[i] = switch (dtype) {
                case INT8 -> source.get(ValueLayout.JAVA_BYTE, i);
                case INT16 -> source.get(SHORT, 2L * i);
                case UINT16 -> Short.toUnsignedInt(source.get(SHORT, 2L * i));
                case INT32 -> source.get(INT, 4L * i);
                case UINT32 -> Integer.toUnsignedLong(source.get(INT, 4L * i));
                case INT64 -> source.get(LONG, 8L * i);
                case UINT64 -> unsigned(source.get(LONG, 8L * i));
                default -> Byte.toUnsignedInt(source.get(ValueLayout.JAVA_BYTE, i));
            };
        }
    }

    /** Halves with the last bit kept, so that the double is rounded once. */
    private static double unsigned(long number) {
        return number >= 0 ? number : (number >>> 1 | number & 1) * 2.0;
    }

    private static void loadSmall(Dtype dtype, MemorySegment source, int count, double[] numbers) {
        double[] table = SmallFloats.table(dtype);
        int bits = dtype.bits();
        for (int i = 0; i < count; i++) {
            long firstBit = (long) i * bits;
            int at = (int) (firstBit / 8);
            int shift = (int) (firstBit % 8);
            int pair = Byte.toUnsignedInt(source.get(ValueLayout.JAVA_BYTE, at));
            if (shift + bits > 8) {
                pair |= Byte.toUnsignedInt(source.get(ValueLayout.JAVA_BYTE, at + 1)) << 8;
            }
            numbers[i] = table[pair >>> shift & table.length - 1];
        }
    }
}
