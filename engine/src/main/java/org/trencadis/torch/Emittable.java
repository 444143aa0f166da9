package org.trencadis.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;

/**
 * Takes from an inert value what may not be pickled.
 *
 * <p>A part that names anything outside {@link EmittedGlobals} is left out with a notice: as an entry of its dictionary,
 * or, where position has a meaning (lists, tuples, arguments), together with the whole.
 */
public final class Emittable {
    private static final int MISSING = -1;

    private final Consumer<String> notices;
    /** Number in the cleaned value of each container of the original, by the order of their start. */
    private final List<Integer> numbers = new ArrayList<>();

    private int next;

    private final Predicate<String> isUnwanted;

    private Emittable(Predicate<String> isUnwanted, Consumer<String> notices) {
        this.isUnwanted = isUnwanted;
        this.notices = notices;
    }

    /**
     * What may be written of {@code value}, or null where nothing is left.
     *
     * @param path of the value, for notices
     * @param notices is told what is left out and why
     */
    public static Value clean(Value value, String path, Consumer<String> notices) {
        return clean(value, path, entry -> false, notices);
    }

    /**
     * The same without the dictionary entries whose path {@code isUnwanted} accepts, which go without a notice.
     *
     * @param isUnwanted is asked with paths as {@code info.layers[0].maps}
     */
    public static Value clean(Value value, String path, Predicate<String> isUnwanted, Consumer<String> notices) {
        return new Emittable(isUnwanted, notices).look(value, path);
    }

    private Value look(Value value, String path) {
        return switch (value) {
            case Value.Sequence list -> {
                List<Value> items = items(list.items(), path, start(true));
                yield items == null ? null : new Value.Sequence(items);
            }
            case Value.Tuple tuple -> tuple(tuple, path);
            case Value.Mapping mapping -> mapping(mapping, path);
            case Value.Instance instance -> instance(instance, path);
            case Value.Global global ->
                EmittedGlobals.find(global.module(), global.name()) == EmittedGlobals.Use.CONSTANT
                        ? value
                        : drop(path, name(global) + " is not a name that is written");
            case Value.Tensor tensor ->
                Dtype.find(tensor.dtypeCode()).bits() % 8 == 0
                        ? value
                        : drop(path, "torch has no storage for its element type");
            case Value.Shared shared -> shared(shared, path);
            default -> value;
        };
    }

    /** Numbers the container that starts; one that cannot be referred to while it is being made gets its number later. */
    private int start(boolean mayHoldItself) {
        numbers.add(mayHoldItself ? next : MISSING);
        next++;
        return numbers.size() - 1;
    }

    /** Takes back container {@code original}, which got number {@code number}, and all that started after it. */
    private Value forget(int original, int number) {
        for (int i = original; i < numbers.size(); i++) {
            numbers.set(i, MISSING);
        }
        next = number;
        return null;
    }

    private List<Value> items(List<Value> items, String path, int original) {
        int number = next - 1;
        List<Value> cleaned = new ArrayList<>(items.size());
        boolean isWhole = true;
        for (int i = 0; i < items.size(); i++) {
            Value item = look(items.get(i), path + "[" + i + "]");
            isWhole &= item != null;
            cleaned.add(item);
        }
        if (!isWhole) {
            forget(original, number);
            return null;
        }
        return cleaned;
    }

    private Value tuple(Value.Tuple tuple, String path) {
        int number = next;
        int original = start(false);
        List<Value> items = items(tuple.items(), path, original);
        if (items == null) {
            return null;
        }
        numbers.set(original, number);
        return new Value.Tuple(items);
    }

    private Value mapping(Value.Mapping mapping, String path) {
        start(true);
        List<Value.Entry> cleaned = new ArrayList<>(mapping.entries().size());
        for (Value.Entry entry : mapping.entries()) {
            int original = numbers.size();
            int number = next;
            String inside = path + "." + label(entry.key());
            Value key = look(entry.key(), inside);
            Value value = look(entry.value(), inside);
            if (key != null && value != null && !isUnwanted.test(inside)) {
                cleaned.add(new Value.Entry(key, value));
            } else {
                forget(original, number);
            }
        }
        return new Value.Mapping(cleaned);
    }

    private Value instance(Value.Instance instance, String path) {
        int number = next;
        int original = start(false);
        boolean isAllowed = isAllowed(instance, path);
        Value arguments = look(instance.arguments(), path + ".<arguments>");
        if (isAllowed && arguments instanceof Value.Tuple) {
            numbers.set(original, number);
        }
        Value state = look(instance.state(), path);
        if (!isAllowed || !(arguments instanceof Value.Tuple) || state == null) {
            return forget(original, number);
        }
        return new Value.Instance(instance.callable(), arguments, state);
    }

    private boolean isAllowed(Value.Instance instance, String path) {
        if (!(instance.callable() instanceof Value.Global global)) {
            return look(instance.callable(), path + ".<callable>") != null
                    && drop(path, "it calls what is not a name") != null;
        }
        EmittedGlobals.Use use = EmittedGlobals.find(global.module(), global.name());
        return use == EmittedGlobals.Use.CALL
                || use == EmittedGlobals.Use.NEW
                || drop(path, name(global) + " is not a name that is written") != null;
    }

    private Value shared(Value.Shared shared, String path) {
        int number = shared.ordinal() < numbers.size() ? numbers.get((int) shared.ordinal()) : MISSING;
        return number == MISSING ? drop(path, "it refers to a value that is not written") : new Value.Shared(number);
    }

    private Value drop(String path, String why) {
        notices.accept(path + ": left out: " + why);
        return null;
    }

    private static String name(Value.Global global) {
        return global.module() + "." + global.name();
    }

    private static String label(Value key) {
        return switch (key) {
            case Value.Text text -> text.value();
            case Value.Int number -> number.value().toString();
            default -> "?";
        };
    }
}
