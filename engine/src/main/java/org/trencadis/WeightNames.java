package org.trencadis;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.trencadis.index.Alias;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;

/** The weights of a checkpoint by name: of each the module's tensor, then the master. */
final class WeightNames {
    private static final List<String> STATES = List.of("model", "fp32");

    private final Map<String, List<Tensor>> weights = new TreeMap<>();
    private final Map<String, String> aliases;

    WeightNames(Catalog catalog, TensorFilter filter) throws IOException {
        for (String state : STATES) {
            for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
                Tensor tensor = catalog.tensor(ordinal);
                if (tensor.state().equals(state) && filter.accepts(tensor)) {
                    weights.computeIfAbsent(tensor.name(), name -> new ArrayList<>(2))
                            .add(tensor);
                }
            }
        }
        aliases = targets(catalog);
    }

    /** What each second name of a tied parameter stands for. */
    static Map<String, String> targets(Catalog catalog) throws IOException {
        Map<String, String> targets = new TreeMap<>();
        for (Alias alias : catalog.aliases()) {
            targets.put(alias.name(), alias.target());
        }
        return targets;
    }

    /** Whether {@code catalog} holds weights and nothing else of a training state. */
    static boolean isAllOf(Catalog catalog) throws IOException {
        return catalog.groups().isEmpty() && catalog.states().equals(List.of("model"));
    }

    /** Names of tensors, without aliases. */
    Set<String> names() {
        return weights.keySet();
    }

    /** Whether there is a weight of this name, or one tied to it. */
    boolean has(String name) {
        return weights.containsKey(name) || weights.containsKey(aliases.getOrDefault(name, name));
    }

    /** The tensors of a weight, at least one. */
    List<Tensor> weights(String name) {
        List<Tensor> own = weights.get(name);
        return own != null ? own : weights.get(aliases.get(name));
    }
}
