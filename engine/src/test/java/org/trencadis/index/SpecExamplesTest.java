package org.trencadis.index;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.trencadis.format.Digests;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** What SPEC.md shows by example is what the engine does. */
class SpecExamplesTest {
    private static String spec;

    @BeforeAll
    static void read() throws IOException {
        spec = Files.readString(Path.of("..", "format-spec", "SPEC.md"), StandardCharsets.UTF_8);
    }

    private static String chapter(String title) {
        int start = spec.indexOf("\n## " + title);
        assertTrue(start > 0, title);
        int end = spec.indexOf("\n## ", start + 4);
        return spec.substring(start, end < 0 ? spec.length() : end);
    }

    @Test
    void theWorkedExampleIsTheIndexOfItsCatalog() throws IOException {
        String chapter = chapter("12. A worked example");
        String block = chapter.substring(chapter.indexOf("```\n") + 4, chapter.lastIndexOf("```"));
        byte[] built = example();
        assertEquals(block, dump(built));
        assertArrayEquals(built, parse(block));
        IndexFile.check(parse(block));
    }

    private static byte[] example() throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            long changed = 1_700_000_000_000_000_000L;
            int file = builder.addFile(new FileEntry(false, "a.bin", 96, 2049, 12, changed, changed, null));
            long[] shape = {2, 3};
            int copy = builder.addCopy(builder.addTensor("w", "fp32", Dtype.FLOAT32, shape), -1);
            builder.addFragment(copy, Region.whole(shape), -1, -1, file, 64, 24);
            builder.addFact("source", new Value.Text("example"));
            try (Catalog catalog = builder.build("example")) {
                catalog.image().seal();
                return catalog.image().segment().toArray(ValueLayout.JAVA_BYTE);
            }
        }
    }

    /** Lines of 16 bytes after their offset; {@code *} for one or more lines of zeros. */
    private static String dump(byte[] bytes) {
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

    private static byte[] parse(String dump) {
        byte[] bytes = new byte[1 << 16];
        int end = 0;
        for (String line : dump.lines().filter(line -> !line.equals("*")).toList()) {
            byte[] part = HexFormat.ofDelimiter(" ").parseHex(line.substring(6));
            int at = Integer.parseInt(line.substring(0, 4), 16);
            System.arraycopy(part, 0, bytes, at, part.length);
            end = at + part.length;
        }
        return java.util.Arrays.copyOf(bytes, end);
    }

    @Test
    void theTableOfElementTypesIsTheCodes() {
        List<String> rows = new ArrayList<>();
        for (Dtype dtype : Dtype.values()) {
            rows.add("| " + dtype.code() + " | " + dtype.bits() + " | `" + dtype.torchName() + "` | "
                    + name(dtype.safetensorsName()) + " | " + name(dtype.numpyDescription()) + " |");
        }
        List<String> written = chapter("6. Element types")
                .lines()
                .filter(line -> line.matches("\\| \\d+ .*"))
                .toList();
        assertEquals(String.join("\n", rows), String.join("\n", written));
    }

    private static String name(String name) {
        return name == null ? "–" : "`" + name + "`";
    }

    @Test
    void theDigestsAreThoseOfTheExamples() {
        ByteBuffer bytes = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 6; i++) {
            bytes.putFloat(i);
        }
        byte[] flat = Digests.sha256().digest(bytes.array());
        byte[] root = Digests.tensorRoot(Dtype.FLOAT32.code(), new long[] {2, 3}, List.of(flat));
        byte[] empty = Digests.tensorRoot(Dtype.BOOL.code(), new long[] {0, 7}, List.of());
        byte[] state = Digests.state(List.of(new Digests.Named("e", empty), new Digests.Named("w", root)));
        byte[] universal = Digests.universal(List.of(new Digests.Named("fp32", state)));
        Value.Mapping scaler = new Value.Mapping(List.of(
                new Value.Entry(new Value.Text("dynamic"), new Value.Bool(false)),
                new Value.Entry(new Value.Text("cur_scale"), new Value.Real(1.0))));
        byte[] run = Digests.run(new Value.Tuple(List.of(new Value.Sequence(List.of()), scaler)));
        List<String> written = new ArrayList<>();
        Matcher matcher = Pattern.compile("`([0-9a-f]{64})`").matcher(chapter("7. Digests"));
        while (matcher.find()) {
            written.add(matcher.group(1));
        }
        List<String> computed = new ArrayList<>();
        for (byte[] digest : List.of(flat, root, empty, state, universal, run)) {
            computed.add(HexFormat.of().formatHex(digest));
        }
        assertEquals(computed, written);
    }
}
