package org.trencadis.layout;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** One value of a YAML document and where it stands: a text, a list, or a mapping. */
public final class LayoutNode {
    /** The greatest number that a layout may hold; sums of as many as fit a document stay below 2^63. */
    static final long MAX_NUMBER = 1L << 40;

    private static final Pattern NUMBER = Pattern.compile("[+-]?\\d+");
    private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");

    private final String place;
    private final String text;
    private final boolean quoted;
    private final List<LayoutNode> items;
    private final Map<String, LayoutNode> entries;

    private LayoutNode(
            String place, String text, boolean quoted, List<LayoutNode> items, Map<String, LayoutNode> entries) {
        this.place = place;
        this.text = text;
        this.quoted = quoted;
        this.items = items;
        this.entries = entries;
    }

    static LayoutNode text(String place, String text, boolean quoted) {
        return new LayoutNode(place, text, quoted, null, null);
    }

    static LayoutNode list(String place, List<LayoutNode> items) {
        return new LayoutNode(place, null, false, List.copyOf(items), null);
    }

    static LayoutNode mapping(String place, Map<String, LayoutNode> entries) {
        return new LayoutNode(place, null, false, null, new LinkedHashMap<>(entries));
    }

    /** Where it stands: {@code file:line:column}. */
    public String place() {
        return place;
    }

    public boolean isList() {
        return items != null;
    }

    public boolean isMapping() {
        return entries != null;
    }

    /** Whether it is written as a number. */
    public boolean isNumber() {
        return text != null && !quoted && NUMBER.matcher(text).matches();
    }

    public LayoutException error(String message) {
        return new LayoutException(place + ": " + message);
    }

    public List<LayoutNode> items(String what) throws LayoutException {
        if (items == null) {
            throw error(what + " is a list, as in [a, b]; found " + kind());
        }
        return items;
    }

    public Map<String, LayoutNode> entries(String what) throws LayoutException {
        if (entries == null) {
            throw error(what + " is a mapping, as in {key: value}; found " + kind());
        }
        return entries;
    }

    /** The only entry of a mapping, as {@code {tp: 2}}. */
    Map.Entry<String, LayoutNode> onlyEntry(String what) throws LayoutException {
        if (entries(what).size() != 1) {
            throw error(what + " has one entry, as in {tp: 2}; found " + entries.size());
        }
        return entries.entrySet().iterator().next();
    }

    public String text(String what) throws LayoutException {
        if (text == null) {
            throw error(what + " is a text; found " + kind());
        }
        return text;
    }

    boolean flag(String what) throws LayoutException {
        boolean isTrue = "true".equals(text);
        if (quoted || !isTrue && !"false".equals(text)) {
            throw error(what + " is true or false; found " + kind());
        }
        return isTrue;
    }

    /** A number from {@code least} to {@link #MAX_NUMBER}; a name stands for its value in {@code values}. */
    public long number(String what, long least, Map<String, Long> values) throws LayoutException {
        if (text != null && !quoted && NAME.matcher(text).matches()) {
            Long value = values.get(text);
            if (value == null) {
                throw error(what + " is the number called '" + text + "', which neither 'values' nor the source says; "
                        + (values.isEmpty() ? "none is known" : "known are " + String.join(", ", values.keySet())));
            }
            return checked(what, BigInteger.valueOf(value), least);
        }
        if (!isNumber()) {
            throw error(what + " is a whole number, or the name of one; found " + kind());
        }
        return checked(what, new BigInteger(text), least);
    }

    private long checked(String what, BigInteger number, long least) throws LayoutException {
        if (number.bitLength() > 62 || number.longValue() < least || number.longValue() > MAX_NUMBER) {
            String shown = number.bitLength() > 62 ? "a number of " + number.bitLength() + " bits" : number.toString();
            throw error(what + " is from " + least + " to " + MAX_NUMBER + "; found " + shown);
        }
        return number.longValue();
    }

    /** The numbers of a list. */
    long[] numbers(String what, long least, Map<String, Long> values) throws LayoutException {
        List<LayoutNode> list = items(what);
        long[] numbers = new long[list.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = list.get(i).number(what, least, values);
        }
        return numbers;
    }

    /** The texts of a list. */
    List<String> texts(String what) throws LayoutException {
        List<String> texts = new ArrayList<>();
        for (LayoutNode item : items(what)) {
            texts.add(item.text(what));
        }
        return texts;
    }

    private String kind() {
        if (entries != null) {
            return "a mapping";
        }
        if (items != null) {
            return "a list";
        }
        return text.isEmpty() ? "nothing" : "'" + (text.length() > 60 ? text.substring(0, 60) + "…" : text) + "'";
    }
}
