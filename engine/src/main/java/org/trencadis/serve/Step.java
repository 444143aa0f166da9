package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.torch.Pickler;

/**
 * The number of updates of a parameter, as its optimizer keeps it.
 *
 * @param isTensor a float32 tensor without axes, as in torch's optimizers, or a plain number, as in DeepSpeed's own
 */
record Step(double value, boolean isTensor) {
    /** Hyperparameters that torch's optimizers have since their steps are tensors. */
    private static final Set<String> TORCH_SETTINGS = Set.of("foreach", "capturable", "differentiable", "fused");

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Whether an optimizer with these hyperparameters keeps tensors; one that nothing is known of is torch's. */
    static boolean isTensor(Value.Mapping settings) {
        boolean isKnown = false;
        for (Value.Entry entry : settings.entries()) {
            if (entry.key() instanceof Value.Text name) {
                if (TORCH_SETTINGS.contains(name.value())) {
                    return true;
                }
                isKnown |= !name.value().startsWith("step");
            }
        }
        return !isKnown;
    }

    void write(Pickler pickler) throws IOException {
        if (!isTensor && value == Math.rint(value) && Math.abs(value) < 1L << 53) {
            pickler.integer((long) value);
            return;
        }
        MemorySegment bytes = MemorySegment.ofArray(new byte[Float.BYTES]);
        bytes.set(FLOAT, 0, (float) value);
        pickler.tensor(
                Dtype.FLOAT32,
                new long[0],
                (offset, target) -> MemorySegment.copy(bytes, offset, target, 0, target.byteSize()));
    }
}
