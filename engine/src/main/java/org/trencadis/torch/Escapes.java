package org.trencadis.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** The texts of protocol 0, in Python's spelling. */
final class Escapes {
    private Escapes() {}

    /** The UTF-8 of a raw-unicode-escape line. */
    static byte[] unicode(PickleInput in, byte[] line) throws IOException {
        String text = new String(line, StandardCharsets.ISO_8859_1);
        StringBuilder out = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            char kind = i + 1 < text.length() ? text.charAt(i + 1) : 0;
            if (c != '\\' || kind != 'u' && kind != 'U') {
                out.append(c);
                continue;
            }
            int digits = kind == 'u' ? 4 : 8;
            int point = hex(in, text, i + 2, digits);
            if (!Character.isValidCodePoint(point)) {
                throw in.corrupt("an escape is a code point", "at most 10ffff", Integer.toHexString(point));
            }
            out.appendCodePoint(point);
            i += 1 + digits;
        }
        byte[] utf8 = out.toString().getBytes(StandardCharsets.UTF_8);
        if (!new String(utf8, StandardCharsets.UTF_8).contentEquals(out)) {
            throw in.corrupt("text is Unicode", "no lone surrogates", "a lone surrogate");
        }
        return utf8;
    }

    /** The bytes of a quoted Python 2 string. */
    static byte[] quoted(PickleInput in, byte[] line) throws IOException {
        String text = new String(line, StandardCharsets.ISO_8859_1).strip();
        int last = text.length() - 1;
        char quote = text.isEmpty() ? 0 : text.charAt(0);
        if (last < 1 || quote != '\'' && quote != '"' || text.charAt(last) != quote) {
            throw in.corrupt("a string is quoted", "quotes", "none");
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream(text.length());
        for (int i = 1; i < last; i++) {
            char c = text.charAt(i);
            if (c != '\\') {
                out.write(c);
                continue;
            }
            i++;
            char kind = i < last ? text.charAt(i) : 0;
            if (kind == 'x') {
                out.write(hex(in, text.substring(0, last), i + 1, 2));
                i += 2;
            } else if (kind >= '0' && kind <= '7') {
                int end = i;
                int value = 0;
                while (end < last && end < i + 3 && text.charAt(end) >= '0' && text.charAt(end) <= '7') {
                    value = value * 8 + text.charAt(end++) - '0';
                }
                out.write(value);
                i = end - 1;
            } else {
                out.write(plain(in, kind));
            }
        }
        return out.toByteArray();
    }

    private static int plain(PickleInput in, char kind) throws IOException {
        return switch (kind) {
            case 'n' -> '\n';
            case 't' -> '\t';
            case 'r' -> '\r';
            case 'a' -> 7;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'v' -> 0x0B;
            case '\\', '\'', '"' -> kind;
            default -> throw in.corrupt("a string has known escapes", "Python's", "\\" + kind);
        };
    }

    private static int hex(PickleInput in, String text, int from, int digits) throws IOException {
        if (from + digits > text.length()) {
            throw in.corrupt("an escape has its digits", digits, text.length() - from);
        }
        int value = 0;
        for (int i = from; i < from + digits; i++) {
            int digit = Character.digit(text.charAt(i), 16);
            if (digit < 0) {
                throw in.corrupt("an escape has hex digits", digits + " digits", text.substring(from, i + 1));
            }
            value = value << 4 | digit;
        }
        return value;
    }
}
