package org.trencadis.tools;

import java.io.IOException;
import java.util.List;
import org.trencadis.Checkpoint;
import org.trencadis.index.Alias;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;

/** A tensor as a person names it: {@code NAME} or {@code NAME:STATE}; an alias stands for its target. */
final class TensorArgument {
    private TensorArgument() {}

    /** All tensors that {@code text} names: one, or every state of a name. */
    static List<Tensor> all(Checkpoint checkpoint, String text) throws IOException {
        Catalog catalog = checkpoint.catalog();
        String name = resolve(catalog, text);
        List<Tensor> states = catalog.findTensors(name);
        if (!states.isEmpty()) {
            return states;
        }
        int colon = text.lastIndexOf(':');
        if (colon > 0) {
            String state = text.substring(colon + 1);
            String plain = resolve(catalog, text.substring(0, colon));
            int ordinal = catalog.findTensor(plain, state);
            if (ordinal >= 0) {
                return List.of(catalog.tensor(ordinal));
            }
            List<Tensor> others = catalog.findTensors(plain);
            if (!others.isEmpty()) {
                throw new IOException("tensor " + plain + " has no state " + state + ", only " + join(others));
            }
        }
        throw new IOException("there is no tensor " + text + " in " + checkpoint.directory() + "; `trencadis ls "
                + checkpoint.directory() + "` lists them");
    }

    /** The one tensor that {@code text} names: without a state the master, else the only one. */
    static Tensor one(Checkpoint checkpoint, String text) throws IOException {
        List<Tensor> states = all(checkpoint, text);
        if (states.size() == 1) {
            return states.getFirst();
        }
        for (Tensor tensor : states) {
            if (tensor.state().equals("fp32")) {
                return tensor;
            }
        }
        throw new UsageException("tensor " + text + " has several states, say which: " + join(states));
    }

    private static String resolve(Catalog catalog, String name) throws IOException {
        for (Alias alias : catalog.aliases()) {
            if (alias.name().equals(name)) {
                return alias.target();
            }
        }
        return name;
    }

    private static String join(List<Tensor> tensors) {
        return String.join(", ", tensors.stream().map(Tensor::state).toList());
    }
}
