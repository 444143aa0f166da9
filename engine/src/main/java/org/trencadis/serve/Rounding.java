package org.trencadis.serve;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.tensor.Dtype;

/**
 * Floats to floats of another width, to the nearest, ties to even, little-endian on both sides.
 *
 * <p>Too large values become infinite; NaN stays NaN, its payload does not.
 */
final class Rounding {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final short BFLOAT16_NAN = 0x7FC0;

    private Rounding() {}

    static void convert(Dtype from, MemorySegment source, Dtype to, MemorySegment target, long count) {
        for (long i = 0; i < count; i++) {
            if (from == Dtype.FLOAT64) {
                write(to, target, i, source.get(DOUBLE, i * Double.BYTES));
            } else {
                write(to, target, i, readFloat(from, source, i));
            }
        }
    }

    private static float readFloat(Dtype from, MemorySegment source, long i) {
        return switch (from) {
            case FLOAT32 -> source.get(FLOAT, i * Float.BYTES);
            case FLOAT16 -> Float.float16ToFloat(source.get(SHORT, i * Short.BYTES));
            case BFLOAT16 -> Float.intBitsToFloat(source.get(SHORT, i * Short.BYTES) << 16);
            default -> throw new IllegalArgumentException(from.torchName() + " is no float that is rounded");
        };
    }

    private static void write(Dtype to, MemorySegment target, long i, float value) {
        switch (to) {
            case FLOAT32 -> target.set(FLOAT, i * Float.BYTES, value);
            case FLOAT16 -> target.set(SHORT, i * Short.BYTES, Float.floatToFloat16(value));
            case BFLOAT16 -> target.set(SHORT, i * Short.BYTES, toBfloat16(value));
            case FLOAT64 -> target.set(DOUBLE, i * Double.BYTES, value);
            default -> throw new IllegalArgumentException(to.torchName() + " is no float that is rounded to");
        }
    }

    private static void write(Dtype to, MemorySegment target, long i, double value) {
        switch (to) {
            case FLOAT32 -> target.set(FLOAT, i * Float.BYTES, (float) value);
            default -> write(to, target, i, toOddFloat(value));
        }
    }

    /**
     * The float next to {@code value} whose last bit is set unless it is exact: a second rounding to a narrower type then
     * gives what one rounding would have given.
     */
    private static float toOddFloat(double value) {
        float nearest = (float) value;
        if (nearest == value || Float.isNaN(nearest)) {
            return nearest;
        }
        float towardsZero = Math.abs((double) nearest) > Math.abs(value)
                ? Float.intBitsToFloat(Float.floatToRawIntBits(nearest) - 1)
                : nearest;
        return Float.intBitsToFloat(Float.floatToRawIntBits(towardsZero) | 1);
    }

    private static short toBfloat16(float value) {
        if (Float.isNaN(value)) {
            return BFLOAT16_NAN;
        }
        int bits = Float.floatToRawIntBits(value);
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }
}
