package org.trencadis.gather;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;

/** Brings values into one form: tuples as sequences, mappings sorted by their encoded keys, nothing shared. */
final class CanonicalValues {
    /** Containers met so far, in the order of their start; an unfinished one is null. */
    private final List<Value> containers = new ArrayList<>();

    private CanonicalValues() {}

    /**
     * The canonical form of {@code value}.
     *
     * @throws IllegalArgumentException where a container holds itself
     */
    static Value of(Value value) {
        return new CanonicalValues().convert(value);
    }

    private Value convert(Value value) {
        return switch (value) {
            case Value.Sequence sequence -> container(() -> items(sequence.items()));
            case Value.Tuple tuple -> container(() -> items(tuple.items()));
            case Value.Mapping mapping -> container(() -> mapping(mapping));
            case Value.Instance instance ->
                container(() -> new Value.Instance(
                        convert(instance.callable()), convert(instance.arguments()), convert(instance.state())));
            case Value.Shared shared -> shared(shared.ordinal());
            default -> value;
        };
    }

    private Value container(java.util.function.Supplier<Value> body) {
        int ordinal = containers.size();
        containers.add(null);
        Value converted = body.get();
        containers.set(ordinal, converted);
        return converted;
    }

    private Value shared(long ordinal) {
        Value known = ordinal < containers.size() ? containers.get((int) ordinal) : null;
        if (known == null) {
            throw new IllegalArgumentException("a container holds itself, or refers to one that is not there");
        }
        return known;
    }

    private Value.Sequence items(List<Value> items) {
        List<Value> converted = new ArrayList<>(items.size());
        for (Value item : items) {
            converted.add(convert(item));
        }
        return new Value.Sequence(converted);
    }

    private Value.Mapping mapping(Value.Mapping mapping) {
        List<Value.Entry> converted = new ArrayList<>(mapping.entries().size());
        for (Value.Entry entry : mapping.entries()) {
            converted.add(new Value.Entry(convert(entry.key()), convert(entry.value())));
        }
        converted.sort(Comparator.comparing(entry -> ValueCodec.encode(entry.key()), Arrays::compareUnsigned));
        return new Value.Mapping(converted);
    }
}
