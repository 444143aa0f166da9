package org.trencadis;

import org.trencadis.tensor.Dtype;

/** The values of 8-bit floats. */
final class EightBitFloats {
    private EightBitFloats() {}

    static double toDouble(Dtype dtype, byte bits) {
        return switch (dtype) {
            case FLOAT8_E4M3FN -> (bits & 0x7F) == 0x7F ? Double.NaN : value(bits, 3, 7);
            case FLOAT8_E5M2 -> e5m2(bits);
            case FLOAT8_E4M3FNUZ -> bits == Byte.MIN_VALUE ? Double.NaN : value(bits, 3, 8);
            case FLOAT8_E5M2FNUZ -> bits == Byte.MIN_VALUE ? Double.NaN : value(bits, 2, 16);
            case FLOAT8_E8M0FNU -> bits == -1 ? Double.NaN : Math.scalb(1.0, Byte.toUnsignedInt(bits) - 127);
            default -> throw new IllegalArgumentException(dtype.torchName() + " is no 8-bit float");
        };
    }

    private static double e5m2(byte bits) {
        if ((bits & 0x7C) != 0x7C) {
            return value(bits, 2, 15);
        }
        if ((bits & 3) != 0) {
            return Double.NaN;
        }
        return bits < 0 ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY;
    }

    /** Sign, exponent and fraction as in IEEE 754, without its special values. */
    private static double value(byte bits, int fractionBits, int bias) {
        int exponent = (bits & 0x7F) >>> fractionBits;
        int fraction = bits & (1 << fractionBits) - 1;
        double magnitude = exponent == 0
                ? Math.scalb((double) fraction, 1 - bias - fractionBits)
                : Math.scalb((double) (fraction + (1 << fractionBits)), exponent - bias - fractionBits);
        return bits < 0 ? -magnitude : magnitude;
    }
}
