package org.trencadis.gather;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Group;

/**
 * The canonical form of what a run's optimizer is set to, over which the run digest goes.
 *
 * <p>It is a tuple {@code (groups, loss scaler)}. {@code groups} is a sequence with a tuple {@code (parameters, steps,
 * settings)} for each group, in order:
 *
 * <ul>
 *   <li>{@code parameters}: a sequence of the names, sorted by their UTF-8 bytes.
 *   <li>{@code steps}: the group's {@code step} where all parameters agree, else a mapping of names to steps, sorted;
 *       none where neither is known. A step is an Int when it is whole, else a Real. Where a mapping gives every
 *       parameter of the group the same step, it is that step.
 *   <li>{@code settings}: a mapping of the hyperparameters, without {@code params}, {@code step}, {@code steps} and those
 *       that only say how the step is computed: {@code foreach}, {@code fused}, {@code capturable},
 *       {@code differentiable}.
 * </ul>
 *
 * The loss scaler is a mapping of its values; without one it is that of a static scale of 1.0:
 * {@code {cur_scale: 1.0, dynamic: false}}. A scaler that does not say whether it is {@code dynamic} is not, and
 * {@code cur_scale} is a Real.
 *
 * <p>In all values tuples are sequences, mappings are sorted by the encoded bytes of their keys, and a second appearance
 * of a container is replaced by a copy of it. Group names and the expert flag are outside. All else is typed: 1, 1.0 and
 * true are three different values.
 */
final class RunState {
    private static final Set<String> OUTSIDE =
            Set.of("params", "step", "steps", "foreach", "fused", "capturable", "differentiable");

    private RunState() {}

    static Value canonical(Catalog catalog) throws IOException {
        List<Value> groups = new ArrayList<>();
        for (Group group : catalog.groups()) {
            groups.add(group(group));
        }
        return new Value.Tuple(List.of(new Value.Sequence(groups), lossScaler(catalog)));
    }

    private static Value group(Group group) throws CatalogException {
        List<String> names = new ArrayList<>(group.parameters());
        names.sort(Comparator.comparing(name -> name.getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned));
        Value.Mapping settings =
                (Value.Mapping) CanonicalValues.of(group.settings(), "settings of group " + group.name());
        List<Value.Entry> kept = new ArrayList<>();
        for (Value.Entry entry : settings.entries()) {
            if (!(entry.key() instanceof Value.Text key) || !OUTSIDE.contains(key.value())) {
                kept.add(entry);
            }
        }
        List<Value> texts = new ArrayList<>();
        names.forEach(name -> texts.add(new Value.Text(name)));
        return new Value.Tuple(List.of(new Value.Sequence(texts), steps(settings, names), new Value.Mapping(kept)));
    }

    private static Value steps(Value.Mapping settings, List<String> names) {
        Value step = settings.find("step");
        if (step != null) {
            return number(step);
        }
        if (!(settings.find("steps") instanceof Value.Mapping steps)) {
            return new Value.None();
        }
        List<Value.Entry> entries = new ArrayList<>();
        for (Value.Entry entry : steps.entries()) {
            entries.add(new Value.Entry(entry.key(), number(entry.value())));
        }
        boolean same = entries.size() == names.size()
                && entries.stream().map(Value.Entry::value).distinct().count() == 1;
        return same ? entries.getFirst().value() : new Value.Mapping(entries);
    }

    /** A whole number as an Int, however it was written. */
    private static Value number(Value value) {
        if (value instanceof Value.Real real
                && real.value() == Math.rint(real.value())
                && Math.abs(real.value()) < 0x1p53) {
            return new Value.Int((long) real.value());
        }
        return value;
    }

    private static Value lossScaler(Catalog catalog) throws IOException {
        List<Value.Entry> entries = new ArrayList<>();
        if (catalog.facts().find("loss_scaler") instanceof Value.Mapping scaler) {
            entries.addAll(scaler.entries());
        }
        Value.Mapping known = new Value.Mapping(entries);
        if (known.find("dynamic") == null) {
            entries.add(new Value.Entry(new Value.Text("dynamic"), new Value.Bool(false)));
        }
        Value scale = known.find("cur_scale");
        if (!(scale instanceof Value.Real)) {
            double number = scale instanceof Value.Int whole ? whole.value().doubleValue() : 1.0;
            entries.removeIf(entry -> entry.key().equals(new Value.Text("cur_scale")));
            entries.add(new Value.Entry(new Value.Text("cur_scale"), new Value.Real(number)));
        }
        return CanonicalValues.of(new Value.Mapping(entries), "loss scaler");
    }
}
