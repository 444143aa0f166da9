package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.tensor.Dtype;
import org.trencadis.torch.Pickler;

/** The number of updates as torch's optimizers keep it: a float32 tensor without axes. */
final class StepTensor {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private StepTensor() {}

    static void write(Pickler pickler, double step) throws IOException {
        MemorySegment bytes = MemorySegment.ofArray(new byte[Float.BYTES]);
        bytes.set(FLOAT, 0, (float) step);
        pickler.tensor(
                Dtype.FLOAT32,
                new long[0],
                (offset, target) -> MemorySegment.copy(bytes, offset, target, 0, target.byteSize()));
    }
}
