package org.trencadis.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The tables of SPEC.md and the declarations of the records are the same, in both directions. */
class SpecTest {
    private static final Pattern TABLE = Pattern.compile("\\*\\*`(\\w+)`\\*\\*, (\\d+) bytes:\n\n((?:\\|[^\n]*\n)+)");

    private static String spec;

    @BeforeAll
    static void read() throws IOException {
        spec = Files.readString(Path.of("SPEC.md"), StandardCharsets.UTF_8);
    }

    @Test
    void eachRecordHasItsTableAndEachTableItsRecord() throws IOException {
        Map<String, String> declared = new TreeMap<>();
        for (RecordLayout layout : Layouts.all().values()) {
            declared.put(layout.name() + ", " + layout.sizeBytes() + " bytes", Layouts.table(layout));
        }
        assertEquals(20, declared.size(), "records found: " + declared.keySet());
        Map<String, String> written = new TreeMap<>();
        Matcher matcher = TABLE.matcher(spec);
        while (matcher.find()) {
            String heading = matcher.group(1) + ", " + matcher.group(2) + " bytes";
            assertEquals(null, written.put(heading, matcher.group(3)), heading + " stands twice");
        }
        assertEquals(declared.keySet(), written.keySet());
        declared.forEach((heading, table) -> assertEquals(table, written.get(heading), heading));
    }

    @Test
    void recordsAreDescribedBySizeAndNameOfTheirClass() throws IOException {
        Layouts.all().forEach((name, layout) -> {
            int end = 0;
            for (RecordField field : layout.fields()) {
                assertEquals(end, field.offsetBytes(), name + "." + field.name());
                assertTrue(!field.meaning().isEmpty(), name + "." + field.name());
                end += field.sizeBytes();
            }
            assertEquals(end, layout.sizeBytes(), name);
            assertEquals(0, end % 8, name);
        });
    }

    @Test
    void theSectionsAreThoseOfTheTable() {
        List<String> declared = new ArrayList<>();
        for (Section section : Section.values()) {
            String entries =
                    section.layout() == null ? "bytes" : "`" + section.layout().name() + "`";
            declared.add("| " + section.code() + " | " + section + " | " + entries + " | " + section.limit() + " |");
        }
        String table = between("| code | section |", "**One form.**");
        List<String> written =
                table.lines().filter(line -> line.matches("\\| \\d+ .*")).toList();
        assertEquals(declared, written);
        assertEquals(Section.values().length, Section.count());
    }

    @Test
    void theConstantsAreThoseOfTheTable() throws IllegalAccessException {
        Map<String, String> declared = new TreeMap<>();
        for (Field field : FormatLimits.class.getFields()) {
            if (Modifier.isStatic(field.getModifiers())) {
                declared.put(field.getName(), String.valueOf(field.get(null)));
            }
        }
        Map<String, String> written = new TreeMap<>();
        Matcher row = Pattern.compile("\\| `([A-Z_]+)` \\| (\\d+) \\|").matcher(spec);
        while (row.find()) {
            written.put(row.group(1), row.group(2));
        }
        assertEquals(declared, written);
    }

    @Test
    void theValuesAreEncodedAsTheExamples() throws IOException {
        Map<String, Value> values = Map.ofEntries(
                Map.entry("None", new Value.None()),
                Map.entry("True", new Value.Bool(true)),
                Map.entry("0", new Value.Int(0)),
                Map.entry("127", new Value.Int(127)),
                Map.entry("128", new Value.Int(128)),
                Map.entry("-129", new Value.Int(-129)),
                Map.entry("1.5", new Value.Real(1.5)),
                Map.entry("\"é\"", new Value.Text("é")),
                Map.entry("b\"\\x01\\x02\"", new Value.Blob(new byte[] {1, 2})),
                Map.entry("[True, None]", new Value.Sequence(List.of(new Value.Bool(true), new Value.None()))),
                Map.entry("(1,)", new Value.Tuple(List.of(new Value.Int(1)))),
                Map.entry(
                        "{\"lr\": 0.5}",
                        new Value.Mapping(List.of(new Value.Entry(new Value.Text("lr"), new Value.Real(0.5))))),
                Map.entry(
                        "[[], shared 1]",
                        new Value.Sequence(List.of(new Value.Sequence(List.of()), new Value.Shared(1)))));
        Matcher row = Pattern.compile("(?m)^\\| (.+?) \\| `([0-9a-f ]+)` \\|$")
                .matcher(between("| value | bytes |", "\n## 6."));
        int rows = 0;
        for (; row.find(); rows++) {
            Value value = values.get(row.group(1));
            byte[] bytes = java.util.HexFormat.ofDelimiter(" ").parseHex(row.group(2));
            assertEquals(value, ValueCodec.decode(bytes, new FormatException.Place("spec", "values", 0)));
            assertEquals(row.group(2), java.util.HexFormat.ofDelimiter(" ").formatHex(ValueCodec.encode(value)));
        }
        assertEquals(values.size(), rows);
    }

    @Test
    void theTagsOfDigestsAreWritten() {
        for (String kind : List.of("tensor root", "state digest", "universal digest", "run digest")) {
            String tag = String.format(Locale.ROOT, "`trencadis %s 0`", kind);
            assertTrue(spec.contains(tag), tag);
        }
    }

    private static String between(String from, String to) {
        int start = spec.indexOf(from);
        int end = spec.indexOf(to, start);
        assertTrue(start >= 0 && end > start, from);
        return spec.substring(start, end);
    }
}
