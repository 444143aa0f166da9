package org.trencadis.gather;

import java.util.EnumMap;
import java.util.Map;
import org.trencadis.tensor.Dtype;

/** The values of the float types of 8 bits and less, as tables. */
final class SmallFloats {
    private static final Map<Dtype, double[]> TABLES = new EnumMap<>(Dtype.class);

    static {
        TABLES.put(Dtype.FLOAT8_E4M3FN, table(4, 3, 7));
        TABLES.put(Dtype.FLOAT8_E5M2, table(5, 2, 15));
        TABLES.put(Dtype.FLOAT8_E4M3FNUZ, table(4, 3, 8));
        TABLES.put(Dtype.FLOAT8_E5M2FNUZ, table(5, 2, 16));
        TABLES.put(Dtype.FLOAT4_E2M1FN, table(2, 1, 1));
        TABLES.put(Dtype.FLOAT6_E2M3FN, table(2, 3, 1));
        TABLES.put(Dtype.FLOAT6_E3M2FN, table(3, 2, 3));
        double[] powers = new double[256];
        for (int bits = 0; bits < 255; bits++) {
            powers[bits] = Math.scalb(1.0, bits - 127);
        }
        powers[255] = Double.NaN;
        TABLES.put(Dtype.FLOAT8_E8M0FNU, powers);
        setSpecials();
    }

    private SmallFloats() {}

    /** The value of each bit pattern. */
    static double[] table(Dtype dtype) {
        double[] table = TABLES.get(dtype);
        if (table == null) {
            throw new IllegalArgumentException(dtype.torchName() + " is no small float");
        }
        return table;
    }

    private static double[] table(int exponentBits, int fractionBits, int bias) {
        double[] table = new double[1 << 1 + exponentBits + fractionBits];
        for (int bits = 0; bits < table.length; bits++) {
            int fraction = bits & (1 << fractionBits) - 1;
            int exponent = bits >> fractionBits & (1 << exponentBits) - 1;
            double one = 1 << fractionBits;
            double magnitude = exponent == 0
                    ? Math.scalb(fraction / one, 1 - bias)
                    : Math.scalb(1 + fraction / one, exponent - bias);
            table[bits] = bits >> exponentBits + fractionBits == 0 ? magnitude : -magnitude;
        }
        return table;
    }

    /** What the types reserve for NaN and infinity. */
    private static void setSpecials() {
        double[] finite = TABLES.get(Dtype.FLOAT8_E4M3FN);
        finite[0x7F] = Double.NaN;
        finite[0xFF] = Double.NaN;
        TABLES.get(Dtype.FLOAT8_E4M3FNUZ)[0x80] = Double.NaN;
        TABLES.get(Dtype.FLOAT8_E5M2FNUZ)[0x80] = Double.NaN;
        double[] ieee = TABLES.get(Dtype.FLOAT8_E5M2);
        ieee[0x7C] = Double.POSITIVE_INFINITY;
        ieee[0xFC] = Double.NEGATIVE_INFINITY;
        for (int fraction = 1; fraction < 4; fraction++) {
            ieee[0x7C + fraction] = Double.NaN;
            ieee[0xFC + fraction] = Double.NaN;
        }
    }
}
