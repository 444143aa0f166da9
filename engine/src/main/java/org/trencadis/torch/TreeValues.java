package org.trencadis.torch;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.format.ValueCodec;

/**
 * Turns a tree into a {@link Value}: each container, object once, so neither cycles nor repetition can blow it up.
 *
 * <p>Sequences, tuples, mappings and instances are numbered in order of their start. Empty tuples take numbers, but are
 * written out each time.
 */
final class TreeValues {
    /** What fits a Java array, whatever the caller allows. */
    private static final long MOST_TENSOR_BYTES = Integer.MAX_VALUE - 16;

    /** Items that a list has room for before the first is read; its length is believed as it is filled. */
    private static final int BATCH = 1024;

    private final long maxTensorBytes;
    private final ValueBudget budget;
    private final Map<Long, Long> ordinals = new HashMap<>();
    private long nextOrdinal;

    TreeValues(long maxTensorBytes, ValueBudget budget) {
        this.maxTensorBytes = Math.min(maxTensorBytes, MOST_TENSOR_BYTES);
        this.budget = budget;
    }

    Value value(Node node, int depth) throws IOException {
        if (depth > ValueCodec.MAX_DEPTH) {
            throw new FormatException.Unsupported(
                    "values nest at most " + ValueCodec.MAX_DEPTH + " deep",
                    ValueCodec.MAX_DEPTH,
                    "more",
                    node.place());
        }
        budget.take(TreeWords.inlineBytes(node.tree(), node.word()), node);
        return switch (node.kind()) {
            case NONE -> new Value.None();
            case BOOL -> new Value.Bool(node.asBool());
            case INT -> new Value.Int(node.asBigInteger());
            case REAL -> new Value.Real(node.asReal());
            case TEXT -> new Value.Text(node.asText());
            case BYTES -> new Value.Blob(node.asBytes());
            case GLOBAL -> TreeWords.global(node.tree(), node.word());
            case TENSOR -> tensor(node.asTensor(), node);
            case LIST, TUPLE, SET, DICT, OBJECT -> container(node, depth);
        };
    }

    private Value container(Node node, int depth) throws IOException {
        if (node.word() == Word.EMPTY_TUPLE) {
            nextOrdinal++;
            return new Value.Tuple(List.of());
        }
        Long known = ordinals.putIfAbsent(node.word(), nextOrdinal);
        if (known != null) {
            return new Value.Shared(known);
        }
        nextOrdinal++;
        return switch (node.kind()) {
            case LIST -> new Value.Sequence(items(node, depth));
            case TUPLE -> new Value.Tuple(items(node, depth));
            case DICT -> new Value.Mapping(entries(node, depth));
            case SET -> set(node, depth);
            default -> object(node, depth);
        };
    }

    private List<Value> items(Node node, int depth) throws IOException {
        int size = node.size();
        List<Value> items = new ArrayList<>(Math.min(size, BATCH));
        for (int i = 0; i < size; i++) {
            items.add(value(node.item(i), depth + 1));
        }
        return items;
    }

    private List<Value.Entry> entries(Node node, int depth) throws IOException {
        List<Value.Entry> entries = new ArrayList<>(Math.min(node.size(), BATCH));
        node.forEachEntry((key, value) -> entries.add(new Value.Entry(value(key, depth + 1), value(value, depth + 1))));
        return entries;
    }

    /** {@code set([…])}; the tuple and the list of the call take part in the numbering. */
    private Value set(Node node, int depth) throws IOException {
        nextOrdinal += 2;
        Value items = new Value.Sequence(items(node, depth + 2));
        return new Value.Instance(
                new Value.Global("builtins", TreeWords.isFrozen(node.tree(), node.word()) ? "frozenset" : "set"),
                new Value.Tuple(List.of(items)),
                new Value.None());
    }

    private Value object(Node node, int depth) throws IOException {
        if (node.isStorage()) {
            nextOrdinal++;
            String name = node.globalName();
            int dot = name.lastIndexOf('.');
            return new Value.Instance(
                    new Value.Global(name.substring(0, dot), name.substring(dot + 1)),
                    new Value.Tuple(List.of()),
                    new Value.None());
        }
        Value callable = value(node.callable(), depth + 1);
        Value arguments = value(node.arguments(), depth + 1);
        Node appended = node.appended();
        Node entries = node.entries();
        if (appended.isNone() && entries.isNone()) {
            return new Value.Instance(callable, arguments, value(node.state(), depth + 1));
        }
        nextOrdinal++;
        List<Value> parts = new ArrayList<>();
        for (Node part : List.of(node.state(), appended, entries)) {
            parts.add(value(part, depth + 2));
        }
        return new Value.Instance(callable, arguments, new Value.Tuple(parts));
    }

    private Value tensor(TorchTensor tensor, Node node) throws IOException {
        if (tensor.sizeBytes() > maxTensorBytes) {
            return new Value.Text("tensor " + tensor.dtype().torchName() + " " + Arrays.toString(tensor.shape()));
        }
        budget.take(tensor.sizeBytes(), node);
        List<Long> shape = Arrays.stream(tensor.shape()).boxed().toList();
        return new Value.Tensor(tensor.dtype().code(), shape, new Value.Blob(TensorBytes.rowMajor(tensor, node)));
    }
}
