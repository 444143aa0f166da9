package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.Value;
import org.trencadis.source.Nodes;
import org.trencadis.torch.Node;

/** Reads the values of DeepSpeed's loss scalers. */
final class LossScalers {
    private static final String SCALE = "cur_scale";

    /** Room for a number that is kept as a tensor. */
    private static final int SCALAR_BYTES = 64;

    private LossScalers() {}

    /** The attributes of the scaler in an optimizer's states, or null where it is the static scale 1. */
    static Value.Mapping find(Node states) throws IOException {
        Node scaler = Nodes.findValue(states, "loss_scaler");
        Node attributes = scaler == null ? null : Nodes.attributes(scaler);
        if (attributes == null || attributes.isNone() || attributes.find(SCALE) == null) {
            return null;
        }
        Node dynamic = Nodes.findValue(attributes, "dynamic");
        if (isStatic(dynamic) && attributes.get(SCALE).asReal() == 1.0) {
            return null;
        }
        return attributes.toValue(SCALAR_BYTES) instanceof Value.Mapping mapping ? mapping : null;
    }

    /**
     * The values of the scaler of an optimizer without ZeRO, which keeps them among its own.
     *
     * @return null where it is the static scale 1
     */
    static Value.Mapping findInline(Node optimizer) throws IOException {
        if (optimizer.find(SCALE) == null) {
            return null;
        }
        Node dynamic = Nodes.findValue(optimizer, "dynamic_loss_scale");
        if (isStatic(dynamic) && optimizer.get(SCALE).asReal() == 1.0) {
            return null;
        }
        List<Value.Entry> entries = new ArrayList<>();
        for (String key : List.of(
                "dynamic_loss_scale", SCALE, "cur_iter", "last_overflow_iter", "scale_factor", "scale_window")) {
            Node value = Nodes.findValue(optimizer, key);
            if (value != null) {
                String name = key.equals("dynamic_loss_scale") ? "dynamic" : key;
                entries.add(new Value.Entry(new Value.Text(name), value.toValue(SCALAR_BYTES)));
            }
        }
        return new Value.Mapping(entries);
    }

    private static boolean isStatic(Node dynamic) throws IOException {
        return dynamic == null || dynamic.kind() != Node.Kind.BOOL || !dynamic.asBool();
    }
}
