package org.trencadis.serve;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Dtype;

/** Which tensors an export of weights holds, under which names and as which type. */
public final class ExportSelection {
    private static final String MASTER = "fp32";
    private static final String MODEL = "model";

    private ExportSelection() {}

    /**
     * Weights as {@code zero_to_fp32.py} gives them: the master of each parameter that has one, and of everything else
     * (buffers, frozen parameters) what the module held.
     *
     * @param filter takes part of the tensors by name
     * @param dtype what floats are rounded to, or null to leave them
     */
    public static List<ExportedTensor> weights(Catalog catalog, Predicate<Tensor> filter, Dtype dtype)
            throws IOException {
        List<ExportedTensor> chosen = new ArrayList<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            boolean isWeight = tensor.state().equals(MASTER)
                    || tensor.state().equals(MODEL) && catalog.findTensor(tensor.name(), MASTER) < 0;
            if (isWeight && filter.test(tensor)) {
                chosen.add(new ExportedTensor(tensor.name(), tensor, exportedDtype(tensor, dtype)));
            }
        }
        return chosen;
    }

    /** All tensors that {@code filter} takes; where that is more than one state, each is called {@code name.state}. */
    public static List<ExportedTensor> all(Catalog catalog, Predicate<Tensor> filter, Dtype dtype) throws IOException {
        List<Tensor> chosen = new ArrayList<>();
        Set<String> states = new HashSet<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            if (filter.test(tensor)) {
                chosen.add(tensor);
                states.add(tensor.state());
            }
        }
        List<ExportedTensor> named = new ArrayList<>();
        Set<String> names = new HashSet<>();
        for (Tensor tensor : chosen) {
            String name = states.size() == 1 ? tensor.name() : tensor.name() + "." + tensor.state();
            if (!names.add(name)) {
                throw new IOException("two tensors would be called " + name + ": export their states one by one");
            }
            named.add(new ExportedTensor(name, tensor, exportedDtype(tensor, dtype)));
        }
        return named;
    }

    private static Dtype exportedDtype(Tensor tensor, Dtype dtype) {
        return dtype != null && tensor.dtype().isFloat() ? dtype : tensor.dtype();
    }
}
