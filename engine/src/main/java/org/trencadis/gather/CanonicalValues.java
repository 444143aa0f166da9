package org.trencadis.gather;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Supplier;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;
import org.trencadis.index.CatalogException;

/** Brings values into one form: tuples as sequences, mappings sorted by their encoded keys, nothing shared. */
final class CanonicalValues {
    /** Values in all, after shared containers were copied: hyperparameters are small, and copies multiply. */
    private static final long MAX_VALUES = 1 << 20;

    /** Containers met so far, in the order of their start; an unfinished one is null. */
    private final List<Finished> containers = new ArrayList<>();

    private long values;

    /** A container with the number of values that it holds. */
    private record Finished(Value value, long values) {}

    /** Says that a value has no canonical form. */
    private static final class NoForm extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NoForm(String message) {
            super(message);
        }
    }

    private CanonicalValues() {}

    /**
     * The canonical form of {@code value}.
     *
     * @param what it is, for messages
     * @throws CatalogException where a container holds itself, or copies of shared ones grow beyond measure
     */
    static Value of(Value value, String what) throws CatalogException {
        try {
            return new CanonicalValues().convert(value);
        } catch (NoForm e) {
            throw new CatalogException(what + ": " + e.getMessage());
        }
    }

    private Value convert(Value value) {
        count(1);
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

    private void count(long more) {
        values += more;
        if (values > MAX_VALUES) {
            throw new NoForm("more than " + MAX_VALUES + " values");
        }
    }

    private Value container(Supplier<Value> body) {
        int ordinal = containers.size();
        long before = values;
        containers.add(null);
        Value converted = body.get();
        containers.set(ordinal, new Finished(converted, values - before));
        return converted;
    }

    private Value shared(long ordinal) {
        Finished known = ordinal < containers.size() ? containers.get((int) ordinal) : null;
        if (known == null) {
            throw new NoForm("a container holds itself, or refers to one that is not there");
        }
        count(known.values());
        return known.value();
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
