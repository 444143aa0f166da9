package org.trencadis;

import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.Group;

/** What of the state of training is no tensor: groups with their parameters, steps and hyperparameters, loss scaler. */
final class RunStateDiff {
    /** Settings that say how the optimizer computes, not what. */
    private static final Set<String> IMPLEMENTATION =
            Set.of("params", "foreach", "fused", "capturable", "differentiable");

    private RunStateDiff() {}

    static void add(Catalog left, Catalog right, List<Difference> found) throws IOException {
        List<Group> a = left.groups();
        List<Group> b = right.groups();
        for (int i = 0; i < Math.max(a.size(), b.size()); i++) {
            String path = "groups[" + i + "]";
            if (i >= a.size() || i >= b.size()) {
                Group only = i < a.size() ? a.get(i) : b.get(i);
                String text = only.parameters().size() + " parameters";
                add(found, path, i < a.size() ? text : null, i < b.size() ? text : null);
            } else {
                addGroup(path, a.get(i), b.get(i), found);
            }
        }
        SortedMap<String, String> mine = lossScaler(left);
        SortedMap<String, String> others = lossScaler(right);
        Set<String> keys = new TreeSet<>(mine.keySet());
        keys.addAll(others.keySet());
        keys.forEach(key -> add(found, "loss_scaler." + key, mine.get(key), others.get(key)));
    }

    /** The values of the loss scaler; one that is absent is a static scale of 1. */
    private static SortedMap<String, String> lossScaler(Catalog catalog) throws IOException {
        SortedMap<String, String> values = new TreeMap<>();
        values.put("cur_scale", "1.0");
        values.put("dynamic", "False");
        if (catalog.facts().find("loss_scaler") instanceof Value.Mapping scaler) {
            for (Value.Entry entry : scaler.entries()) {
                boolean isScale = entry.key().equals(new Value.Text("cur_scale"));
                Value value = isScale && entry.value() instanceof Value.Int scale
                        ? new Value.Real(scale.value().doubleValue())
                        : entry.value();
                String key = entry.key() instanceof Value.Text text ? text.value() : Values.print(entry.key());
                values.put(key, Values.print(value));
            }
        }
        return values;
    }

    private static void addGroup(String path, Group a, Group b, List<Difference> found) {
        Set<String> mine = new TreeSet<>(a.parameters());
        Set<String> others = new TreeSet<>(b.parameters());
        for (String name : mine) {
            if (!others.contains(name)) {
                add(found, path + ".parameters", name, null);
            }
        }
        for (String name : others) {
            if (!mine.contains(name)) {
                add(found, path + ".parameters", null, name);
            }
        }
        Set<String> keys = new TreeSet<>();
        addKeys(a, keys);
        addKeys(b, keys);
        for (String key : keys) {
            addValue(
                    found,
                    path + "." + key,
                    a.settings().find(key),
                    b.settings().find(key));
        }
    }

    private static void addKeys(Group group, Set<String> keys) {
        for (Value.Entry entry : group.settings().entries()) {
            if (entry.key() instanceof Value.Text text && !IMPLEMENTATION.contains(text.value())) {
                keys.add(text.value());
            }
        }
    }

    private static void addValue(List<Difference> found, String path, Value left, Value right) {
        String a = left == null ? null : Values.print(left);
        String b = right == null ? null : Values.print(right);
        add(found, path, a, b);
    }

    private static void add(List<Difference> found, String path, String left, String right) {
        if (!Objects.equals(left, right)) {
            found.add(Difference.ofRun(path, left, right));
        }
    }
}
