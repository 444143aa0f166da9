package org.trencadis;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;

/** SPEC.md, of which tests compare parts with what the engine does. */
public final class SpecPage {
    private SpecPage() {}

    private static String text() throws IOException {
        return Files.readString(Path.of("..", "format-spec", "SPEC.md"), StandardCharsets.UTF_8);
    }

    /** All of the chapter whose heading starts so. */
    public static String chapter(String title) throws IOException {
        return after(text(), "\n## " + title, "\n## ");
    }

    /** The dump below a heading. */
    public static String dump(String heading) throws IOException {
        String part = after(text(), "\n" + heading + "\n", "\n##");
        return after(part, "```\n", "```\n").substring(4);
    }

    private static String after(String text, String from, String to) {
        int start = text.indexOf(from);
        assertTrue(start >= 0, from);
        int end = text.indexOf(to, start + from.length());
        return text.substring(start, end < 0 ? text.length() : end);
    }

    /** Lines of 16 bytes after their offset; {@code *} for one or more lines of zeros. */
    public static String dumpOf(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        boolean skipped = false;
        for (int at = 0; at < bytes.length; at += 16) {
            int end = Math.min(at + 16, bytes.length);
            String hex = HexFormat.ofDelimiter(" ").formatHex(bytes, at, end);
            boolean last = end == bytes.length;
            if (hex.matches("[0 ]*") && !last) {
                text.append(skipped ? "" : "*\n");
                skipped = true;
                continue;
            }
            skipped = false;
            text.append(String.format(Locale.ROOT, "%04x  %s\n", at, hex));
        }
        return text.toString();
    }

    /** The bytes of a dump. */
    public static byte[] parse(String dump) {
        byte[] bytes = new byte[1 << 16];
        int end = 0;
        for (String line : dump.lines().filter(line -> !line.equals("*")).toList()) {
            byte[] part = HexFormat.ofDelimiter(" ").parseHex(line.substring(6));
            int at = Integer.parseInt(line.substring(0, 4), 16);
            System.arraycopy(part, 0, bytes, at, part.length);
            end = at + part.length;
        }
        return Arrays.copyOf(bytes, end);
    }
}
