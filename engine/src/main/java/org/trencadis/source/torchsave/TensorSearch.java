package org.trencadis.source.torchsave;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * Which containers of an object hold tensors, themselves or further down. Each is looked at once, however often it is
 * referred to, and nesting costs no stack.
 */
final class TensorSearch {
    /** A container that is being looked through. */
    private static final class Frame {
        final long identity;
        final Iterator<Node> containers;
        Node container;
        int size;
        int next;
        boolean holds;

        Frame(long identity, List<Node> containers) {
            this.identity = identity;
            this.containers = containers.iterator();
        }

        /** The next child, or null after the last. */
        Node next() throws IOException {
            while (next == size) {
                if (!containers.hasNext()) {
                    return null;
                }
                container = containers.next();
                size = container.size();
                next = 0;
            }
            return Steps.child(container, next++);
        }
    }

    private final WordSet seen = new WordSet();
    private final WordSet holding = new WordSet();
    private final ArrayDeque<Frame> open = new ArrayDeque<>();
    private long tensors;

    private TensorSearch() {}

    static TensorSearch of(Node root) throws IOException {
        TensorSearch search = new TensorSearch();
        search.open(root);
        while (!search.open.isEmpty()) {
            search.step();
        }
        return search;
    }

    /** Whether {@code node} is a container with a tensor in it. */
    boolean holds(Node node) {
        return switch (node.kind()) {
            case LIST, TUPLE, DICT, OBJECT -> holding.contains(node.identity());
            default -> false;
        };
    }

    /** Containers with tensors, and tensors, each counted once for every container that it is in. */
    long size() {
        return holding.size() + tensors;
    }

    private boolean open(Node node) throws IOException {
        boolean isNew = switch (node.kind()) {
            case LIST, TUPLE, DICT, OBJECT -> seen.add(node.identity());
            default -> false;
        };
        List<Node> containers = isNew ? Steps.containers(node) : List.of();
        if (!containers.isEmpty()) {
            open.push(new Frame(node.identity(), containers));
        }
        return !containers.isEmpty();
    }

    private void step() throws IOException {
        Frame frame = open.element();
        for (Node child = frame.next(); child != null; child = frame.next()) {
            if (child.kind() == Kind.TENSOR) {
                frame.holds = true;
                tensors++;
            } else if (open(child)) {
                return;
            } else {
                frame.holds |= holds(child);
            }
        }
        open.remove();
        if (frame.holds) {
            holding.add(frame.identity);
            if (!open.isEmpty()) {
                open.element().holds = true;
            }
        }
    }
}
