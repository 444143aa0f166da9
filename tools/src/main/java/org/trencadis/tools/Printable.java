package org.trencadis.tools;

import java.util.HexFormat;
import java.util.Locale;
import org.trencadis.tensor.Box;

/** Text and numbers as results show them. */
final class Printable {
    private static final String[] BYTE_UNITS = {"bytes", "kB", "MB", "GB", "TB", "PB"};

    private Printable() {}

    /**
     * {@code name} without anything that would break a line, end a field or steer a terminal: such characters become
     * {@code \n}, {@code \t}, {@code \r} or {@code \u001b}. Everything else stays.
     */
    static String name(String name) {
        if (name.codePoints().noneMatch(Printable::isSpecial)) {
            return name;
        }
        StringBuilder text = new StringBuilder();
        name.chars().forEach(unit -> {
            switch (unit) {
                case '\n' -> text.append("\\n");
                case '\t' -> text.append("\\t");
                case '\r' -> text.append("\\r");
                default -> {
                    if (isSpecial(unit)) {
                        text.append(String.format(Locale.ROOT, "\\u%04x", unit));
                    } else {
                        text.append((char) unit);
                    }
                }
            }
        });
        return text.toString();
    }

    private static boolean isSpecial(int point) {
        return switch (Character.getType(point)) {
            case Character.CONTROL, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> true;
            default -> false;
        };
    }

    static String hex(byte[] digest) {
        return HexFormat.of().formatHex(digest);
    }

    /** {@code 4.3 GB}: a rounded count of bytes for a person. */
    static String bytes(double bytes) {
        int unit = 0;
        double value = bytes;
        while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
            value /= 1000;
            unit++;
        }
        String number = unit == 0 || value >= 99.95
                ? String.format(Locale.ROOT, "%.0f", value)
                : String.format(Locale.ROOT, "%.1f", value);
        return number + " " + BYTE_UNITS[unit];
    }

    static String seconds(long nanos) {
        // Written out, as this is in the way of every long command's end: a Formatter takes a hundredth of a second to
        // load.
        long millis = (nanos + 500_000) / 1_000_000;
        String fraction = Long.toString(1000 + millis % 1000).substring(1);
        return millis / 1000 + "." + fraction;
    }

    /** {@code [3,0]}. */
    static String point(long[] point) {
        StringBuilder text = new StringBuilder("[");
        for (int axis = 0; axis < point.length; axis++) {
            text.append(axis == 0 ? "" : ",").append(point[axis]);
        }
        return text.append(']').toString();
    }

    /** A number as short as it reads back equal, {@code -} where there is none. */
    static String number(double value) {
        return Double.isNaN(value) ? "-" : Double.toString(value);
    }

    static String box(Box box) {
        return box.toString();
    }
}
