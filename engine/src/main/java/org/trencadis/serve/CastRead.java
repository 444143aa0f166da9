package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.gather.Convert;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Reads elements of any real type as float32, as torch's {@code float()} converts them: to the nearest, ties to even. */
final class CastRead {
    private static final int STEP_ELEMENTS = 1 << 14;
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private CastRead() {}

    /** Whether elements of {@code dtype} can be read as float32. */
    static boolean isPossible(Dtype dtype) {
        return switch (dtype) {
            case BOOL, UINT8, INT8, INT16, UINT16, INT32, UINT32, INT64, FLOAT16, BFLOAT16, FLOAT32, FLOAT64 -> true;
            default -> false;
        };
    }

    /** Fills {@code target} with elements from {@code first} on. */
    static void read(Gatherer gatherer, Tensor tensor, long first, MemorySegment target) throws IOException {
        long count = target.byteSize() / Float.BYTES;
        Region whole = Region.whole(tensor.shape());
        if (tensor.dtype() == Dtype.FLOAT32) {
            gatherer.gather(tensor, whole.part(first, count), target);
            return;
        }
        int width = tensor.dtype().bytes();
        MemorySegment block = MemorySegment.ofArray(new byte[(int) Math.min(count, STEP_ELEMENTS) * width]);
        for (long done = 0; done < count; done += STEP_ELEMENTS) {
            long step = Math.min(STEP_ELEMENTS, count - done);
            MemorySegment part = block.asSlice(0, step * width);
            gatherer.gather(tensor, whole.part(first + done, step), part);
            cast(tensor.dtype(), part, target.asSlice(done * Float.BYTES, step * Float.BYTES));
        }
    }

    private static void cast(Dtype from, MemorySegment source, MemorySegment target) {
        long count = target.byteSize() / Float.BYTES;
        if (from.isFloat()) {
            Convert.convert(from, source, 0, Dtype.FLOAT32, target, 0, count);
            return;
        }
        for (long i = 0; i < count; i++) {
            target.set(FLOAT, i * Float.BYTES, number(from, source, i));
        }
    }

    private static float number(Dtype from, MemorySegment source, long i) {
        return switch (from) {
            case BOOL -> source.get(ValueLayout.JAVA_BYTE, i) == 0 ? 0 : 1;
            case INT8 -> source.get(ValueLayout.JAVA_BYTE, i);
            case UINT8 -> source.get(ValueLayout.JAVA_BYTE, i) & 0xFF;
            case INT16 -> source.get(SHORT, i * 2);
            case UINT16 -> source.get(SHORT, i * 2) & 0xFFFF;
            case INT32 -> source.get(INT, i * 4);
            case UINT32 -> source.get(INT, i * 4) & 0xFFFFFFFFL;
            case INT64 -> source.get(LONG, i * 8);
            default -> throw new IllegalArgumentException(from.torchName() + " has no float32 value");
        };
    }
}
