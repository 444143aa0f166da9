package org.trencadis.layout;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the language's document says is what the parser takes, and everything else is refused with its place. */
class LayoutLanguageTest {
    private static final Path DOCUMENT = Path.of("../format-spec/LAYOUT.md");
    private static final Map<String, Long> GIVEN =
            Map.of("hidden", 64L, "experts", 8L, "local_experts", 4L, "gates", 2L, "vocab", -1L);

    private static Layout parse(String text) throws LayoutException {
        return Layout.parse(text, "test", GIVEN);
    }

    private static String example(String cell) {
        String text = cell.replace("\\|", "|");
        return text.startsWith("trencadis") ? text : "trencadis: 1\n" + text;
    }

    @Test
    void everyExampleOfTheDocumentIsALayout() throws IOException {
        String text = Files.readString(DOCUMENT, StandardCharsets.UTF_8);
        Matcher whole = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(text);
        assertTrue(whole.find());
        assertEquals(5, parse(whole.group(1)).rules().size());
        int examples = 0;
        for (String line : text.lines().toList()) {
            Matcher row =
                    Pattern.compile("\\| `(\\w+)` \\| .* \\| `([^`]+)` \\|").matcher(line);
            if (row.matches()) {
                assertTrue(row.group(2).contains(row.group(1) + ":"), line);
                parse(example(row.group(2)));
                examples++;
            }
        }
        assertTrue(examples > 35, examples + " examples");
    }

    @Test
    void everyKeyOfTheParserIsInTheDocumentAndNoOther() throws IOException {
        String text = Files.readString(DOCUMENT, StandardCharsets.UTF_8);
        List<String> documented = Pattern.compile("(?m)^\\| `(\\w+)` \\|")
                .matcher(text)
                .results()
                .map(row -> row.group(1))
                .sorted()
                .toList();
        List<String> known =
                LayoutKeys.ALL.values().stream().flatMap(List::stream).sorted().toList();
        assertEquals(known, documented);
    }

    @Test
    void presetsParseAndKnowTheirNames() throws IOException {
        for (String preset : LayoutPresets.NAMES) {
            LayoutRules rules = new LayoutRules(LayoutPresets.read(preset, GIVEN));
            assertEquals(
                    1,
                    rules.find("decoder.layers.3.self_attention.linear_proj.weight")
                            .shards()
                            .getFirst()
                            .dim());
            assertEquals(
                    Rule.Held.REPLICATE,
                    rules.find("decoder.final_layernorm.weight").held());
            int parts = rules.find("decoder.layers.3.mlp.linear_fc1.weight")
                    .shards()
                    .getFirst()
                    .parts()
                    .size();
            assertEquals(preset.equals("gpt") ? 1 : 2, parts);
            rules.checkUsed();
        }
        assertThrows(LayoutException.class, () -> LayoutPresets.read("lama", GIVEN));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "rules: [{match: a, shrd: {dim: 0}}] | 2:26 | known are match, unique",
                "rules: [{match: a, shard: {dim: 0, part: 2}}] | 2:42 | known are dim, over",
                "mash: 3 | 2:7 | known are trencadis",
                "rules: [{match: a}] | 2:9 | says what ranks hold",
                "rules: [{match: a, shard: {dim: 0}, average: {}}] | 2:9 | one of unique",
                "rules: [{match: '(', replicate: {}}] | 2:17 | no regular expression",
                "rules: [{match: a, replicate: 3}] | 2:31 | a mapping",
                "rules: {a: b} | 2:8 | a list",
                "rules: [{match: a, shard: {dim: x}}] | 2:33 | called 'x'",
                "rules: [{match: a, shard: {dim: 64}}] | 2:33 | from 0 to 63",
                "rules: [{match: a, shard: {dim: 99999999999999999999999}}] | 2:33 | 77 bits",
                "rules: [{match: a, shard: {dim: 0, units: 0}}] | 2:43 | from 1",
                "rules: [{match: a, shard: {dim: 0, parts: [{q: 4}, k, v]}}] | 2:43 | at most one",
                "rules: [{match: a, shard: {dim: 0, parts: 4096000}}] | 2:43 | 1 to 4096",
                "rules: [{match: a, shard: [{dim: 0}, {dim: 0, over: ep}]}] | 2:9 | cut once",
                "rules: [{match: a, expert: {count: 8}}] | 2:28 | (?<expert>",
                "rules: [{match: a, shard: {dim: 0}, pad: {dim: 1}}] | 2:42 | rows",
                "rules: [{match: a, shard: {dim: 0}}, &x {match: b, replicate: {}}] | 2:38 | anchors",
                "rules: [*x] | 2:9 | aliases",
                "rules: !!set {a} | 2:8 | tags",
                "mesh: [{tp: 2}, {tp: 2}] | 2:17 | twice",
                "mesh: [{tp: 1048576}, {pp: 2}] | 2:23 | 1048576 ranks",
                "mesh: [{tp: 0}] | 2:13 | from 1",
                "zero: {stage: 4} | 2:15 | stages 0 to 3",
                "expert: [{edp: 2}] | 2:9 | axis ep",
                "pipeline: {number: 'a'} | 2:20 | no group",
                "pipeline: {stages: [1, 2], layers: 3} | 2:20 | say the same",
                "mesh: [{tp: 2}]] | 2:16 | not YAML",
                "values: {a: 1, a: 2} | 2:16 | twice",
            })
    void mistakesAreNamedWithLineAndColumn(String text, String place, String expected) {
        String document = "trencadis: 1\n" + text;
        LayoutException refused = assertThrows(LayoutException.class, () -> parse(document));
        assertTrue(refused.getMessage().startsWith("test:" + place), refused.getMessage());
        assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    }

    @Test
    void hostileDocumentsAreRefusedInBoundedTime() {
        StringBuilder bomb = new StringBuilder("trencadis: 1\nvalues:\n  a0: &a0 [1]\n");
        for (int i = 1; i < 60; i++) {
            bomb.append("  a")
                    .append(i)
                    .append(": &a")
                    .append(i)
                    .append(" [*a")
                    .append(i - 1)
                    .append(", *a");
            bomb.append(i - 1).append("]\n");
        }
        for (String text : List.of(
                bomb.toString(),
                "[".repeat(100_000),
                "{a: ".repeat(100_000),
                "- ".repeat(100_000),
                "rules: [" + "{},".repeat(300_000) + "]",
                "x".repeat(2_000_000),
                "\u0000",
                "",
                "---\n---\n",
                "trencadis: 2",
                "trencadis: [1]",
                "'unterminated",
                "? [a]\n: b")) {
            assertThrows(LayoutException.class, () -> parse(text));
        }
    }

    @Test
    void randomDamageNeverEscapesAsAnotherException() throws IOException {
        String text = Files.readString(DOCUMENT, StandardCharsets.UTF_8);
        Matcher whole = Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(text);
        assertTrue(whole.find());
        Random random = new Random(5);
        for (int round = 0; round < 3000; round++) {
            StringBuilder damaged = new StringBuilder(whole.group(1));
            for (int i = 0; i <= random.nextInt(3); i++) {
                int at = random.nextInt(damaged.length());
                char with = "{}[]:,'-0x\n\t&*!|#".charAt(random.nextInt(17));
                if (random.nextBoolean()) {
                    damaged.setCharAt(at, with);
                } else {
                    damaged.insert(at, with);
                }
            }
            try {
                parse(damaged.toString());
            } catch (LayoutException e) {
                assertFalse(e.getMessage().isEmpty());
            }
        }
    }

    @Test
    void pipelinesShareLayersByDepth() throws IOException {
        Pipeline even = parse("trencadis: 1\npipeline: {layers: 8, virtual: 2}")
                .pipeline()
                .stages(2);
        assertEquals(6, even.first(1, 1));
        assertEquals(4, even.first(0, 1));
        Pipeline balanced = parse("trencadis: 1\npipeline: {layers: 7, split: balanced}")
                .pipeline()
                .stages(3);
        assertArrayEquals(new long[] {3, 2, 2}, balanced.counts());
        assertThrows(
                LayoutException.class,
                () -> parse("trencadis: 1\npipeline: {layers: 7}").pipeline().stages(3));
    }

    @Test
    void meshCountsTheFirstAxisSlowest() throws IOException {
        Mesh mesh = parse("trencadis: 1\nmesh: [{pp: 2}, {dp: 3}, {tp: 4}]").mesh();
        assertEquals(24, mesh.ranks());
        assertEquals(1, mesh.coordinate(23, "pp"));
        assertEquals(2, mesh.coordinate(23, "dp"));
        assertEquals(3, mesh.coordinate(23, "tp"));
        assertEquals(0, mesh.coordinate(23, "ep"));
    }
}
