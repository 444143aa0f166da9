package org.trencadis.source.torchsave;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.FormatLimits;
import org.trencadis.layout.Placement;
import org.trencadis.source.Draft;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Names the tensors of saved objects by their paths: keys, attributes and positions joined by dots. A container without a
 * tensor is one value, kept as an attachment. A second name of the very same view is an alias.
 */
final class StateWalk {
    /** The state of what no optimizer is known to own. */
    static final String MODEL = "model";

    private static final String ITEMS = "items";

    /** Containers inside each other; what torch itself unpickles is bounded by Python's stack. */
    private static final int MAX_DEPTH = 200;

    /** How often containers and tensors may be come by on further ways, for each of them, and in all. */
    private static final int MAX_WAYS = 4;

    private static final int FREE_WAYS = 1024;

    /** An expanded tensor repeats elements; one that a storage stands for more than so often is refused if it is large. */
    private static final long MAX_REPEATS = 16;

    private static final long LARGE_BYTES = 1L << 30;

    /** The same elements in the same order, whatever they are called. */
    private record View(
            int file, long offsetBytes, Dtype dtype, List<Long> shape, List<Long> strides, boolean conj, boolean neg) {}

    private final Draft draft;
    private final KeptValues values;
    private final Map<View, String> views = new HashMap<>();
    /** Where each name was met. */
    private final Map<String, String> files = new HashMap<>();

    private final Set<Long> path = new HashSet<>();
    private TensorSearch search;
    private TorchFile torch;
    private int file;
    private long ways;
    private long bytes;

    StateWalk(Draft draft, KeptValues values) {
        this.draft = draft;
        this.values = values;
    }

    /** The file of each tensor and alias by name. */
    Map<String, String> files() {
        return files;
    }

    /** Bytes of all tensors. */
    long bytes() {
        return bytes;
    }

    /** Begins with a file; the ways into its containers are counted anew. */
    void begin(TorchFile opened) throws IOException {
        torch = opened;
        file = draft.file(opened);
        search = TensorSearch.of(opened.root());
        ways = MAX_WAYS * search.size() + FREE_WAYS;
    }

    /** Adds everything below {@code node}, under {@code name} and in front of further steps. */
    void walk(String name, Node node) throws IOException {
        if (node.kind() == Kind.TENSOR) {
            addTensor(name, MODEL, node);
        } else if (search.holds(node)) {
            enter(name, node);
        } else {
            values.add(name, scope(), node);
        }
    }

    /** Adds all of an object; where it is a dictionary without a tensor, each entry is one value. */
    void walkRoot(Node root) throws IOException {
        if (root.kind() == Kind.DICT && !search.holds(root)) {
            walkChildren("", root, Set.of());
        } else {
            walk("", root);
        }
    }

    private void enter(String name, Node node) throws IOException {
        countWay(node);
        if (path.size() == MAX_DEPTH) {
            throw new SourceException(node.path() + " is nested deeper than " + MAX_DEPTH + " containers");
        }
        if (path.add(node.identity())) {
            addRest(name, node);
            walkContainers(name, Steps.containers(node));
            path.remove(node.identity());
        }
    }

    /**
     * Attributes first; an item that is called like an attribute stands below {@link #ITEMS}, and is left out where it is
     * the same object: some classes keep all items as attributes too.
     */
    private void walkContainers(String name, List<Node> containers) throws IOException {
        Node first = containers.getFirst();
        walkChildren(name, first, Set.of());
        for (Node container : containers.subList(1, containers.size())) {
            for (int i = 0; i < container.size(); i++) {
                boolean isText =
                        container.kind() == Kind.DICT && container.key(i).kind() == Kind.TEXT;
                Node attribute = isText ? first.find(container.key(i).asText()) : null;
                if (attribute == null) {
                    walkChild(name, container, i);
                } else if (attribute.identity() != Steps.child(container, i).identity()) {
                    walkChild(join(name, ITEMS), container, i);
                }
            }
        }
    }

    /** Adds what is below the children of {@code container} but for those at the steps {@code taken}. */
    void walkChildren(String name, Node container, Set<String> taken) throws IOException {
        for (int i = 0; i < container.size(); i++) {
            if (taken.isEmpty() || !taken.contains(Steps.text(container, i))) {
                walkChild(name, container, i);
            }
        }
    }

    private void walkChild(String name, Node container, int index) throws IOException {
        String step = Steps.text(container, index);
        walk(join(name, step), Steps.child(container, index));
        Node odd = Steps.findOddKey(container, index);
        if (odd != null) {
            values.add(join(name, step + ".key"), scope(), odd);
        }
    }

    /** Attributes of a dictionary, arguments of an object. */
    private void addRest(String name, Node node) throws IOException {
        if (node.kind() == Kind.DICT && node.state().kind() == Kind.DICT) {
            Node state = node.state();
            for (int i = 0; i < state.size(); i++) {
                if (state.key(i).kind() == Kind.TEXT) {
                    values.add(join(name, state.key(i).asText()), scope(), state.value(i));
                }
            }
        } else if (node.kind() == Kind.OBJECT && node.arguments().size() > 0) {
            values.add(join(name, "arguments"), scope(), node.arguments());
        }
    }

    private void countWay(Node node) throws IOException {
        if (ways-- == 0) {
            throw new SourceException(node.path() + ": the same tensors are reached on too many ways to name them all");
        }
    }

    private static String join(String name, String step) throws SourceException {
        if (name.length() + step.length() >= FormatLimits.MAX_NAME_BYTES) {
            throw new SourceException("a name of over " + FormatLimits.MAX_NAME_BYTES + " characters: "
                    + (name + step).substring(0, 60) + "…");
        }
        return name.isEmpty() ? step : name + '.' + step;
    }

    /** The file's path as attachments say it. */
    String scope() {
        return draft.relative(torch.file());
    }

    /** Adds a tensor, or an alias where the same view has a name. */
    void addTensor(String name, String state, Node node) throws IOException {
        countWay(node);
        TorchTensor tensor = node.asTensor();
        checkRepeats(tensor, node);
        String key = state.equals(MODEL) ? name : name + ":" + state;
        String other = files.putIfAbsent(key, scope());
        if (other != null) {
            throw new SourceException("two tensors have the path " + key + ", in " + other + " and in " + scope()
                    + ": keys with dots, or a number and a text that look alike");
        }
        boolean mayBeTied = tensor.elements() > 0 && state.equals(MODEL);
        String first = mayBeTied ? views.putIfAbsent(view(tensor), name) : null;
        if (first != null) {
            draft.builder().addAlias(name, first);
        } else {
            bytes += tensor.sizeBytes();
            draft.target(name, state, tensor.dtype(), Placement.unique(tensor.shape()), 0, 0)
                    .addShard(tensor, file, -1);
        }
        if (!node.state().isNone()) {
            values.add(name, scope(), node.state());
        }
    }

    private static void checkRepeats(TorchTensor tensor, Node node) throws IOException {
        if (tensor.sizeBytes() > LARGE_BYTES && tensor.sizeBytes() / MAX_REPEATS > tensor.storageBytes()) {
            throw new SourceException(node.path() + " is a tensor of shape " + Shapes.print(tensor.shape()) + " over "
                    + tensor.storageBytes() + " bytes, expanded to " + tensor.sizeBytes()
                    + ": it is not read, save it without expand()");
        }
    }

    private View view(TorchTensor tensor) {
        List<Long> shape = new ArrayList<>();
        List<Long> strides = new ArrayList<>();
        for (int axis = 0; axis < tensor.shape().length; axis++) {
            shape.add(tensor.shape()[axis]);
            strides.add(tensor.shape()[axis] == 1 ? 0 : tensor.strides()[axis]);
        }
        return new View(
                file, tensor.offsetBytes(), tensor.dtype(), shape, strides, tensor.conjugate(), tensor.negate());
    }
}
