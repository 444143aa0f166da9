package org.trencadis.source.torchsave;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/** The ways from a container to what it holds, and how a name spells them. */
final class Steps {
    /** Items of a tuple that a name spells; one with more is no plain key. */
    private static final int MAX_ITEMS = 16;

    private Steps() {}

    /**
     * What holds the children of {@code node}: itself; of an object its attributes, and its items where its class is a kind
     * of list or dictionary. None of them is empty.
     */
    static List<Node> containers(Node node) throws IOException {
        List<Node> found = new ArrayList<>(1);
        switch (node.kind()) {
            case LIST, TUPLE, DICT -> addFilled(node, found);
            case OBJECT -> {
                if (node.state().kind() == Kind.DICT) {
                    addFilled(node.state(), found);
                }
                if (!node.appended().isNone()) {
                    addFilled(node.appended(), found);
                }
                if (!node.entries().isNone()) {
                    addFilled(node.entries(), found);
                }
            }
            default -> {}
        }
        return found;
    }

    private static void addFilled(Node container, List<Node> found) throws IOException {
        if (container.size() > 0) {
            found.add(container);
        }
    }

    static Node child(Node container, int index) throws IOException {
        return container.kind() == Kind.DICT ? container.value(index) : container.item(index);
    }

    /** The step to child {@code index}: its key as Python prints it, or its position. */
    static String text(Node container, int index) throws IOException {
        if (container.kind() != Kind.DICT) {
            return Integer.toString(index);
        }
        Node key = findOddKey(container, index);
        return key == null ? print(container.key(index), false) : "key" + index;
    }

    /** The key of child {@code index} where a name cannot spell it, or null. */
    static Node findOddKey(Node container, int index) throws IOException {
        if (container.kind() != Kind.DICT) {
            return null;
        }
        Node key = container.key(index);
        return isPlain(key, true) ? null : key;
    }

    private static boolean isPlain(Node key, boolean outermost) throws IOException {
        return switch (key.kind()) {
            case TEXT, INT, BOOL, NONE, REAL, GLOBAL -> true;
            case TUPLE -> {
                boolean plain = outermost && key.size() <= MAX_ITEMS;
                for (int i = 0; plain && i < key.size(); i++) {
                    plain = isPlain(key.item(i), false);
                }
                yield plain;
            }
            default -> false;
        };
    }

    private static String print(Node key, boolean quoted) throws IOException {
        return switch (key.kind()) {
            case TEXT -> quoted ? "'" + key.asText() + "'" : key.asText();
            case INT -> key.asBigInteger().toString();
            case BOOL -> key.asBool() ? "True" : "False";
            case NONE -> "None";
            case REAL -> Double.toString(key.asReal());
            case GLOBAL -> key.globalName();
            default -> {
                StringBuilder tuple = new StringBuilder("(");
                for (int i = 0; i < key.size(); i++) {
                    tuple.append(i > 0 ? ", " : "").append(print(key.item(i), true));
                }
                yield tuple.append(key.size() == 1 ? ",)" : ")").toString();
            }
        };
    }
}
