package org.trencadis.gather;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.tensor.Dtype;

/**
 * The mean of copies, block by block: a float32 sum in the order of the copies, then one float32 division, as DeepSpeed
 * averages (sums in float64 give other bits in a third of the elements). Float64 tensors are summed as they are.
 */
final class Mean {
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Dtype dtype;
    private final int[] bits;
    private final float[] sums;
    private final double[] wideSums;

    Mean(Dtype dtype, int elements) {
        this.dtype = dtype;
        boolean wide = dtype == Dtype.FLOAT64;
        this.bits = new int[wide ? 0 : elements];
        this.sums = new float[wide ? 0 : elements];
        this.wideSums = new double[wide ? elements : 0];
    }

    /** Adds a copy's elements; the first replaces what was there. */
    void add(MemorySegment copy, int count, boolean first) {
        if (dtype == Dtype.FLOAT64) {
            for (int i = 0; i < count; i++) {
                double number = copy.get(DOUBLE, 8L * i);
                wideSums[i] = first ? number : wideSums[i] + number;
            }
            return;
        }
        Convert.load(dtype, copy, 0, bits, count);
        for (int i = 0; i < count; i++) {
            float number = Float.intBitsToFloat(bits[i]);
            sums[i] = first ? number : sums[i] + number;
        }
    }

    /** Writes the sums divided by {@code copies}. */
    void divide(int copies, int count, MemorySegment target, long offset) {
        if (dtype == Dtype.FLOAT64) {
            for (int i = 0; i < count; i++) {
                target.set(DOUBLE, offset + 8L * i, wideSums[i] / copies);
            }
            return;
        }
        for (int i = 0; i < count; i++) {
            bits[i] = Float.floatToRawIntBits(sums[i] / copies);
        }
        Convert.store(bits, count, dtype, target, offset);
    }
}
