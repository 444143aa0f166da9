package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * Whether a {@code model} tensor is derived: each copy equals, bit for bit, the same copy of the parameter's {@code fp32}
 * master rounded to nearest even.
 *
 * <p>It can be only where both have the same shape, both or neither are a blend of as many copies, and the types are
 * float32 for the master and float16, bfloat16 or float32 for the model. Rounding does not define which NaN a NaN
 * becomes, and processors differ: at 16 bits any NaN stands for any. A tensor without elements is derived.
 */
final class Rounding {
    static final String MASTER = "fp32";
    static final String MODEL = "model";

    private static final int BLOCK = 4096;
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Rounding() {}

    /** Whether {@code model} may be derived from {@code master} as far as types and shapes tell. */
    static boolean isCandidate(Tensor master, Tensor model) {
        boolean types = master.dtype() == Dtype.FLOAT32
                && (model.dtype() == Dtype.FLOAT16
                        || model.dtype() == Dtype.BFLOAT16
                        || model.dtype() == Dtype.FLOAT32);
        boolean copies =
                master.blend() == model.blend() && (!master.blend() || master.copyCount() == model.copyCount());
        return types && copies && Arrays.equals(master.shape(), model.shape());
    }

    /** Compares whole tensors that are {@linkplain #isCandidate candidates}, copy by copy. */
    static boolean holds(Gatherer gatherer, Tensor master, Tensor model) throws IOException {
        int copies = model.blend() ? model.copyCount() : 1;
        Region whole = Region.whole(model.shape());
        int block = (int) Math.min(1 << 16, model.elements());
        MemorySegment masters = MemorySegment.ofArray(new byte[4 * block]);
        MemorySegment models = MemorySegment.ofArray(new byte[model.dtype().bytes() * block]);
        for (int copy = 0; copy < copies; copy++) {
            for (long done = 0; done < model.elements(); done += block) {
                Region part = whole.part(done, Math.min(block, model.elements() - done));
                gatherer.gatherCopy(master, copy, part, masters);
                gatherer.gatherCopy(model, copy, part, models);
                if (findDifference(masters, 0, model.dtype(), models, 0, part.count()) >= 0) {
                    return false;
                }
            }
        }
        return true;
    }

    /** The first of {@code elements} elements whose model is not the rounding of its master, or -1. */
    static long findDifference(
            MemorySegment masters,
            long masterOffset,
            Dtype dtype,
            MemorySegment models,
            long modelOffset,
            long elements) {
        if (dtype == Dtype.FLOAT32) {
            long mismatch = MemorySegment.mismatch(
                    masters,
                    masterOffset,
                    masterOffset + 4 * elements,
                    models,
                    modelOffset,
                    modelOffset + 4 * elements);
            return mismatch < 0 ? -1 : mismatch / 4;
        }
        int[] bits = new int[BLOCK];
        short[] expected = new short[BLOCK];
        short[] actual = new short[BLOCK];
        for (long done = 0; done < elements; done += BLOCK) {
            int count = (int) Math.min(BLOCK, elements - done);
            MemorySegment.copy(masters, INT, masterOffset + 4 * done, bits, 0, count);
            MemorySegment.copy(models, SHORT, modelOffset + 2 * done, actual, 0, count);
            Convert.round(bits, count, dtype, expected);
            int at = findDifference(expected, actual, count, dtype == Dtype.BFLOAT16 ? 0x7F80 : 0x7C00);
            if (at >= 0) {
                return done + at;
            }
        }
        return -1;
    }

    private static int findDifference(short[] expected, short[] actual, int count, int infinity) {
        int from = 0;
        while (from < count) {
            int at = Arrays.mismatch(expected, from, count, actual, from, count);
            if (at < 0) {
                return -1;
            }
            at += from;
            if ((expected[at] & 0x7FFF) <= infinity || (actual[at] & 0x7FFF) <= infinity) {
                return at;
            }
            from = at + 1;
        }
        return -1;
    }
}
