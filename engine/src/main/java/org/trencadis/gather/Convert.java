package org.trencadis.gather;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.tensor.Dtype;

/**
 * Conversions between float16, bfloat16, float32 and float64: to nearest, ties to even, each rounded once.
 *
 * <p>A NaN stays a NaN of its sign. Its payload keeps its highest bits and becomes quiet, as processors do, but for two
 * cases: a NaN rounded to bfloat16 is {@code 0x7FC0}, as in torch's own rounding, and bfloat16 to float32 keeps every
 * bit. The bits are the same on every machine.
 */
public final class Convert {
    /** Elements converted at a time: blocks of this size stay in the first cache, and loops over arrays vectorise. */
    private static final int BLOCK = 4096;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int FLOAT_INFINITY = 0x7F800000;
    private static final int FLOAT_QUIET = 0x00400000;
    private static final long DOUBLE_INFINITY = 0x7FF0000000000000L;

    private Convert() {}

    /** Whether elements of {@code from} can be converted to {@code to}. */
    public static boolean isPossible(Dtype from, Dtype to) {
        return from == to || from.isFloat() && to.isFloat();
    }

    /**
     * Converts {@code elements} elements; the ranges do not overlap.
     *
     * @throws IllegalArgumentException where the conversion is not {@linkplain #isPossible possible}
     */
    public static void convert(
            Dtype from,
            MemorySegment source,
            long sourceOffset,
            Dtype to,
            MemorySegment target,
            long targetOffset,
            long elements) {
        if (from == to) {
            MemorySegment.copy(source, sourceOffset, target, targetOffset, from.bytes(elements));
            return;
        }
        if (!isPossible(from, to)) {
            throw new IllegalArgumentException(from.torchName() + " cannot be converted to " + to.torchName());
        }
        int[] block = new int[(int) Math.min(BLOCK, elements)];
        boolean doubles = from == Dtype.FLOAT64 || to == Dtype.FLOAT64;
        long[] wide = doubles ? new long[block.length] : null;
        for (long done = 0; done < elements; done += block.length) {
            int count = (int) Math.min(block.length, elements - done);
            long read = sourceOffset + done * from.bytes();
            if (from == Dtype.FLOAT64) {
                MemorySegment.copy(source, LONG, read, wide, 0, count);
                narrow(wide, block, count, to != Dtype.FLOAT32);
            } else {
                load(from, source, read, block, count);
            }
            long write = targetOffset + done * to.bytes();
            if (to == Dtype.FLOAT64) {
                widen(block, wide, count);
                MemorySegment.copy(wide, 0, target, LONG, write, count);
            } else {
                store(block, count, to, target, write);
            }
        }
    }

    /** Reads 16- or 32-bit floats as the bits of float32 numbers. */
    static void load(Dtype from, MemorySegment source, long offset, int[] bits, int count) {
        if (from == Dtype.FLOAT32) {
            MemorySegment.copy(source, INT, offset, bits, 0, count);
            return;
        }
        short[] halves = new short[count];
        MemorySegment.copy(source, SHORT, offset, halves, 0, count);
        if (from == Dtype.BFLOAT16) {
            for (int i = 0; i < count; i++) {
                bits[i] = halves[i] << 16;
            }
        } else {
            for (int i = 0; i < count; i++) {
                bits[i] = widenHalf(halves[i]);
            }
        }
    }

    /** Writes the bits of float32 numbers as 16- or 32-bit floats. */
    static void store(int[] bits, int count, Dtype to, MemorySegment target, long offset) {
        if (to == Dtype.FLOAT32) {
            MemorySegment.copy(bits, 0, target, INT, offset, count);
            return;
        }
        short[] halves = new short[count];
        round(bits, count, to, halves);
        MemorySegment.copy(halves, 0, target, SHORT, offset, count);
    }

    /** Rounds the bits of float32 numbers to a 16-bit type. */
    static void round(int[] bits, int count, Dtype to, short[] halves) {
        if (to == Dtype.BFLOAT16) {
            for (int i = 0; i < count; i++) {
                halves[i] = roundToBfloat16(bits[i]);
            }
        } else {
            for (int i = 0; i < count; i++) {
                halves[i] = roundToHalf(bits[i]);
            }
        }
    }

    private static short roundToBfloat16(int bits) {
        int rounded = bits + 0x7FFF + (bits >>> 16 & 1) >>> 16;
        return (short) ((bits & 0x7FFFFFFF) > FLOAT_INFINITY ? 0x7FC0 : rounded);
    }

    /** The platform's conversion but for NaN, whose payload it leaves open. */
    private static short roundToHalf(int bits) {
        int rounded = Float.floatToFloat16(Float.intBitsToFloat(bits));
        int nan = bits >>> 16 & 0x8000 | 0x7E00 | bits >>> 13 & 0x1FF;
        return (short) ((bits & 0x7FFFFFFF) > FLOAT_INFINITY ? nan : rounded);
    }

    private static int widenHalf(short half) {
        int wide = Float.floatToRawIntBits(Float.float16ToFloat(half));
        int nan = (half & 0x8000) << 16 | FLOAT_INFINITY | FLOAT_QUIET | (half & 0x3FF) << 13;
        return (half & 0x7FFF) > 0x7C00 ? nan : wide;
    }

    private static void widen(int[] bits, long[] wide, int count) {
        for (int i = 0; i < count; i++) {
            long number = Double.doubleToRawLongBits(Float.intBitsToFloat(bits[i]));
            long nan =
                    (bits[i] & 0x80000000L) << 32 | DOUBLE_INFINITY | (long) (bits[i] & 0x007FFFFF | FLOAT_QUIET) << 29;
            wide[i] = (bits[i] & 0x7FFFFFFF) > FLOAT_INFINITY ? nan : number;
        }
    }

    /**
     * Float64 to float32.
     *
     * @param toOdd for a second rounding to follow: what is not exact gets its last bit set, so that the second rounding
     *     sees on which side of a tie it was
     */
    private static void narrow(long[] wide, int[] bits, int count, boolean toOdd) {
        for (int i = 0; i < count; i++) {
            double number = Double.longBitsToDouble(wide[i]);
            float nearest = (float) number;
            int rounded = Float.floatToRawIntBits(nearest);
            if (toOdd && nearest != number) {
                // One step back where the first rounding went away from zero.
                rounded = (Math.abs((double) nearest) > Math.abs(number) ? rounded - 1 : rounded) | 1;
            }
            int nan = (int) (wide[i] >>> 32) & 0x80000000
                    | FLOAT_INFINITY
                    | FLOAT_QUIET
                    | (int) (wide[i] >>> 29) & 0x003FFFFF;
            bits[i] = (wide[i] & Long.MAX_VALUE) > DOUBLE_INFINITY ? nan : rounded;
        }
    }
}
