package org.trencadis.serve;

import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.Value;

/** Looks into an inert value whose parts may refer to each other. What is not of the kind that is asked for is absent. */
final class ValueTree {
    private final List<Value> containers = new ArrayList<>();
    private final Value root;

    ValueTree(Value root) {
        this.root = root;
        number(root);
    }

    Value root() {
        return root;
    }

    private void number(Value value) {
        switch (value) {
            case Value.Sequence list -> {
                containers.add(list);
                list.items().forEach(this::number);
            }
            case Value.Tuple tuple -> {
                containers.add(tuple);
                tuple.items().forEach(this::number);
            }
            case Value.Mapping mapping -> {
                containers.add(mapping);
                mapping.entries().forEach(entry -> {
                    number(entry.key());
                    number(entry.value());
                });
            }
            case Value.Instance instance -> {
                containers.add(instance);
                number(instance.callable());
                number(instance.arguments());
                number(instance.state());
            }
            default -> {}
        }
    }

    /** The value itself, or what it refers to. */
    Value resolve(Value value) {
        boolean isKnown = value instanceof Value.Shared shared && shared.ordinal() < containers.size();
        return isKnown ? containers.get((int) ((Value.Shared) value).ordinal()) : value;
    }

    /** The value under {@code key} of a dictionary or of an object's attributes, or null. */
    Value find(Value holder, String key) {
        Value resolved = resolve(holder);
        if (resolved instanceof Value.Instance instance) {
            resolved = resolve(instance.state());
        }
        Value found = resolved instanceof Value.Mapping mapping ? mapping.find(key) : null;
        return found == null ? null : resolve(found);
    }

    /** The entries of a dictionary; none of anything else. */
    List<Value.Entry> entries(Value holder) {
        return holder != null && resolve(holder) instanceof Value.Mapping mapping ? mapping.entries() : List.of();
    }

    /** The items of a list or tuple, or null. */
    List<Value> findItems(Value holder) {
        Value value = holder == null ? null : resolve(holder);
        if (value instanceof Value.Sequence list) {
            return list.items();
        }
        return value instanceof Value.Tuple tuple ? tuple.items() : null;
    }

    /** The texts of a list; others are passed over. */
    List<String> texts(Value holder) {
        List<Value> items = findItems(holder);
        List<String> texts = new ArrayList<>();
        for (Value item : items == null ? List.<Value>of() : items) {
            if (item instanceof Value.Text text) {
                texts.add(text.value());
            }
        }
        return texts;
    }

    /** A whole number that fits, or {@code otherwise}. */
    long number(Value value, long otherwise) {
        boolean fits = value instanceof Value.Int whole && whole.value().bitLength() < Long.SIZE;
        return fits ? ((Value.Int) value).value().longValue() : otherwise;
    }

    /** The value of a number, or {@code otherwise}. */
    static double real(Value value, double otherwise) {
        if (value instanceof Value.Real real) {
            return real.value();
        }
        return value instanceof Value.Int whole ? whole.value().doubleValue() : otherwise;
    }
}
