package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** The numbers of protocol 0: lines of digits. */
final class Decimals {
    private static final Pattern INTEGER = Pattern.compile("[+-]?[0-9]{1,4300}");
    private static final Pattern REAL = Pattern.compile("[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,6})?");

    private Decimals() {}

    /** {@code 00} and {@code 01} are truth values. */
    static long integerOrBool(PickleInput in, ScalarRecords records, byte[] line) throws IOException {
        String text = text(line);
        return switch (text) {
            case "00" -> Word.FALSE;
            case "01" -> Word.TRUE;
            default -> integer(in, records, line);
        };
    }

    static long integer(PickleInput in, ScalarRecords records, byte[] line) throws IOException {
        String text = text(line);
        String digits = text.endsWith("L") ? text.substring(0, text.length() - 1) : text;
        if (!INTEGER.matcher(digits).matches()) {
            throw in.corrupt("a whole number has at most 4300 digits", "digits", text.length() + " characters");
        }
        return records.newInteger(new BigInteger(digits));
    }

    static double real(PickleInput in, byte[] line) throws IOException {
        String text = text(line);
        return switch (text) {
            case "nan" -> Double.NaN;
            case "inf" -> Double.POSITIVE_INFINITY;
            case "-inf" -> Double.NEGATIVE_INFINITY;
            default -> {
                if (!REAL.matcher(text).matches()) {
                    throw in.corrupt("a float is a decimal number", "a number", text.length() + " characters");
                }
                yield Double.parseDouble(text);
            }
        };
    }

    static long index(PickleInput in, byte[] line) throws IOException {
        String text = text(line);
        if (!text.matches("[0-9]{1,18}")) {
            throw in.corrupt("a memo index is a number", "digits", text);
        }
        return Long.parseLong(text);
    }

    private static String text(byte[] line) {
        return new String(line, StandardCharsets.ISO_8859_1).strip();
    }
}
