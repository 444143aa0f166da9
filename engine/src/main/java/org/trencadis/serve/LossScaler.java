package org.trencadis.serve;

import java.io.IOException;
import java.util.List;
import org.trencadis.format.Value;
import org.trencadis.torch.Pickler;

/** The factor that float16 training multiplies its loss with, as an object of DeepSpeed's class for it. */
final class LossScaler {
    private static final String MODULE = "deepspeed.runtime.fp16.loss_scaler";

    /** The scale 1 that never changes: what everything but float16 training has. */
    static final Value.Mapping STATIC = new Value.Mapping(List.of(
            new Value.Entry(new Value.Text("cur_scale"), new Value.Real(1)),
            new Value.Entry(new Value.Text("dynamic"), new Value.Bool(false))));

    private LossScaler() {}

    /**
     * Writes the object.
     *
     * @param attributes cleaned
     */
    static void write(Pickler pickler, Value.Mapping attributes) throws IOException {
        boolean isDynamic = attributes.find("dynamic") instanceof Value.Bool dynamic && dynamic.value();
        Value object = new Value.Instance(
                new Value.Global(MODULE, isDynamic ? "DynamicLossScaler" : "LossScaler"),
                new Value.Tuple(List.of()),
                attributes);
        pickler.value(object);
    }
}
