package org.trencadis.source;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/** Reads the shapes, lists and small objects that pickles of checkpoints are made of. */
public final class Nodes {
    /** Elements of the largest tensor that is believed; sums over all ranks stay below 2^63. */
    public static final long MAX_ELEMENTS = 1L << 50;

    /** The largest number of ranks, layers or experts that is believed. */
    public static final int MAX_COUNT = 1 << 20;

    /** Names that a message lists. */
    public static final int SHOWN = 5;

    private Nodes() {}

    /** The value under {@code key}, or null where the key is absent or its value is None. */
    public static Node findValue(Node dict, String key) throws IOException {
        Node value = dict.find(key);
        return value == null || value.isNone() ? null : value;
    }

    /** Whether {@code node} is a list or a tuple. */
    public static boolean isList(Node node) {
        return node != null && (node.kind() == Kind.LIST || node.kind() == Kind.TUPLE);
    }

    /** A shape: whole numbers from 0 to {@link #MAX_ELEMENTS}, whose product is not larger either. */
    public static long[] shape(Node node) throws IOException {
        long[] shape = longs(node);
        for (long extent : shape) {
            if (extent < 0 || extent > MAX_ELEMENTS) {
                throw noShape(node, extent);
            }
        }
        try {
            if (Shapes.elements(shape) > MAX_ELEMENTS) {
                throw noShape(node, Shapes.elements(shape));
            }
        } catch (ArithmeticException e) {
            throw new SourceException(node.path() + " is no shape: " + e.getMessage(), e);
        }
        return shape;
    }

    private static SourceException noShape(Node node, long number) throws IOException {
        return new SourceException(node.path() + " is no shape: " + number + " is not from 0 to " + MAX_ELEMENTS);
    }

    /** A number of things, from 0 to {@link #MAX_COUNT}. */
    public static int count(Node node) throws IOException {
        long number = node.asLong();
        if (number < 0 || number > MAX_COUNT) {
            throw new SourceException(node.path() + " is " + number + ", expected from 0 to " + MAX_COUNT);
        }
        return (int) number;
    }

    /** The whole numbers of a list. */
    public static long[] longs(Node list) throws IOException {
        long[] numbers = new long[list.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = list.item(i).asLong();
        }
        return numbers;
    }

    /** The texts of a list; empty for null. */
    public static List<String> texts(Node list) throws IOException {
        List<String> texts = new ArrayList<>();
        for (int i = 0; list != null && i < list.size(); i++) {
            texts.add(list.item(i).asText());
        }
        return texts;
    }

    /** A dictionary of names and shapes, in its order; empty for null. */
    public static Map<String, long[]> shapes(Node dict) throws IOException {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        if (dict != null) {
            dict.forEachEntry((key, value) -> {
                if (shapes.put(key.asText(), shape(value)) != null) {
                    throw new SourceException(dict.path() + " names " + key.asText() + " twice");
                }
            });
        }
        return shapes;
    }

    /** The value of a whole number or of an enumeration's member, which is pickled as its class with the number. */
    public static long enumerated(Node node) throws IOException {
        return node.kind() == Kind.OBJECT ? node.arguments().item(0).asLong() : node.asLong();
    }

    /** The attributes of a plain object, or the dictionary itself where it is one. */
    public static Node attributes(Node node) throws IOException {
        return node.kind() == Kind.OBJECT ? node.state() : node;
    }

    /** The number under {@code key}, or {@code absent}. */
    public static long findLong(Node dict, String key, long absent) throws IOException {
        Node value = findValue(dict, key);
        return value == null ? absent : value.asLong();
    }

    /** The text under {@code key}, or null where there is none. */
    public static String findText(Node dict, String key) throws IOException {
        Node value = findValue(dict, key);
        return value != null && value.kind() == Kind.TEXT ? value.asText() : null;
    }

    /** The first names of a list for a message, and how many more there are. */
    public static String firstOf(List<String> names) {
        int shown = Math.min(names.size(), SHOWN);
        String text = String.join(", ", names.subList(0, shown));
        return names.size() > shown ? text + " and " + (names.size() - shown) + " more" : text;
    }
}
