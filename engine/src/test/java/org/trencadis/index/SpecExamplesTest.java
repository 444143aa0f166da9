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
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.trencadis.SpecPage;
import org.trencadis.format.Digests;
import org.trencadis.format.Value;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** What SPEC.md shows by example is what the engine does. */
class SpecExamplesTest {
    @Test
    void theWorkedExampleIsTheIndexOfItsCatalog() throws IOException {
        String block = SpecPage.dump("### An index");
        byte[] built = example();
        assertEquals(block, SpecPage.dumpOf(built));
        assertArrayEquals(built, SpecPage.parse(block));
        IndexFile.check(SpecPage.parse(block));
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

    @Test
    void theTableOfElementTypesIsTheCodes() throws IOException {
        List<String> rows = new ArrayList<>();
        for (Dtype dtype : Dtype.values()) {
            rows.add("| " + dtype.code() + " | " + dtype.bits() + " | `" + dtype.torchName() + "` | "
                    + name(dtype.safetensorsName()) + " | " + name(dtype.numpyDescription()) + " |");
        }
        List<String> written = SpecPage.chapter("6. Element types")
                .lines()
                .filter(line -> line.matches("\\| \\d+ .*"))
                .toList();
        assertEquals(String.join("\n", rows), String.join("\n", written));
    }

    private static String name(String name) {
        return name == null ? "–" : "`" + name + "`";
    }

    @Test
    void theDigestsAreThoseOfTheExamples() throws IOException {
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
        Matcher matcher = Pattern.compile("`([0-9a-f]{64})`").matcher(SpecPage.chapter("7. Digests"));
        while (matcher.find()) {
            written.add(matcher.group(1));
        }
        List<String> computed = new ArrayList<>();
        for (byte[] digest : List.of(flat, root, empty, state, universal, run)) {
            computed.add(HexFormat.of().formatHex(digest));
        }
        assertEquals(computed, written);
    }

    /** Facts that somebody writes under a name of his own are explained. */
    @Test
    void everyFactThatIsWrittenIsInTheTable() throws IOException {
        Matcher row = Pattern.compile("(?m)^\\| (`[a-z_.`, ]+`) \\| ").matcher(SpecPage.chapter("4. Index"));
        Set<String> told = new TreeSet<>();
        while (row.find()) {
            for (String name : row.group(1).split(", ")) {
                told.add(name.replace("`", ""));
            }
        }
        Set<String> written = new TreeSet<>();
        Pattern call = Pattern.compile("addFact\\(\\s*\"([^\"]+)\"");
        try (Stream<Path> files = Files.walk(Path.of("src", "main", "java"))) {
            for (Path file :
                    files.filter(each -> each.toString().endsWith(".java")).toList()) {
                Matcher found = call.matcher(Files.readString(file, StandardCharsets.UTF_8));
                while (found.find()) {
                    written.add(found.group(1));
                }
            }
        }
        assertTrue(written.contains("base_links"), written.toString());
        written.removeAll(told);
        assertEquals(Set.of(), written);
    }
}
