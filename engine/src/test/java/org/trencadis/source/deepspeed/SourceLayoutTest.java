package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.Progress;
import org.trencadis.TensorDigest;
import org.trencadis.TensorFilter;
import org.trencadis.layout.LayoutException;
import org.trencadis.source.SourceException;

/** A real tensor-parallel save whose declaration was taken out of its files is read by a layout that says the same. */
class SourceLayoutTest {
    private static final Path WHOLE = Fixtures.checkpoint("tp2_dp2_zero1");
    private static final String KEY = "universal_checkpoint_info";

    private static final String LAYOUT = """
            trencadis: 1
            mesh: [{pp: 1}, {dp: 2}, {tp: 2}]
            zero: {stage: 1, over: [dp]}
            rules:
              - {match: '(embed|head)\\.weight', shard: {dim: 0}, pad: {dim: 0, multiple: 16, extent: 101}}
              - {match: 'layers\\.\\d+\\.(norm[12]\\.weight|gain|attn\\.o\\.bias|mlp\\.down\\.bias)', replicate: {}}
              - {match: 'norm\\.weight', replicate: {}}
              - {match: '.*\\.(attn\\.o|mlp\\.down|mix\\.down)\\.weight', shard: {dim: 1}}
              - {match: '.*\\.attn\\.q_gain', average: {}}
              - {match: '.*\\.mlp\\.gate_up\\.weight', shard: {dim: 0, parts: [gate, up]}}
              - {match: '.*\\.attn\\.qkv\\.(weight|bias)', shard: {dim: 0, parts: [{q: 32}, {k: 16}, {v: 16}]}}
              - {match: '.*\\.mix\\.up', shard: {dim: 0, interleave: 3}}
            """;

    @TempDir
    Path scratch;

    private Path stripped;

    /** The files as they are, but with another word in the place of the key. */
    @BeforeEach
    void strip() throws IOException {
        stripped = scratch.resolve("stripped");
        try (Stream<Path> files = Files.walk(WHOLE)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Path target = stripped.resolve(WHOLE.relativize(file).toString());
                if (Files.isDirectory(file)) {
                    Files.createDirectories(target);
                } else {
                    String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
                    byte[] bytes =
                            text.replace(KEY, KEY.replace("info", "none")).getBytes(StandardCharsets.ISO_8859_1);
                    Files.write(target, bytes);
                }
            }
        }
    }

    private Map<String, String> digests(Path save, String layout) throws IOException {
        Path file = layout == null ? null : Files.writeString(scratch.resolve("layout.yaml"), layout);
        Map<String, String> lines = new TreeMap<>();
        try (Checkpoint checkpoint = Checkpoint.open(save, new OpenOptions(null, file))) {
            for (TensorDigest digest : checkpoint.flatDigests(TensorFilter.ALL, Progress.NONE)) {
                lines.put(
                        digest.tensor().key()
                                + ' '
                                + digest.tensor().copyCount()
                                + ' '
                                + digest.tensor().marginCount(),
                        HexFormat.of().formatHex(digest.flat()));
            }
        }
        return lines;
    }

    private String refusal(Path save, String layout) {
        IOException refused = assertThrows(IOException.class, () -> digests(save, layout));
        assertTrue(refused instanceof LayoutException || refused instanceof SourceException, refused::toString);
        return refused.getMessage();
    }

    @Test
    void layoutStandsForTheDeclarationThatTheFilesLack() throws IOException {
        Map<String, String> declared = digests(WHOLE, null);
        assertEquals(declared, digests(stripped, LAYOUT));
        assertEquals(declared, digests(WHOLE, LAYOUT));
    }

    @Test
    void withoutDeclarationTheOptionIsNamed() {
        assertTrue(refusal(stripped, null).contains("--source-layout"));
    }

    @Test
    void parameterWithoutRuleIsNamedWithARuleToAdd() {
        String message = refusal(stripped, LAYOUT.replaceAll("(?m)^.*q_gain.*\\R", ""));
        assertTrue(message.contains("layers.0.attn.q_gain") && message.contains("shard: {dim: 0}"), message);
    }

    @Test
    void ruleThatHoldsForNothingIsNamedWithItsPlace() {
        String message = refusal(stripped, LAYOUT + "  - {match: 'nothing\\.weight', replicate: {}}\n");
        assertTrue(message.contains("layout.yaml:13:5") && message.contains("nothing"), message);
    }

    @Test
    void shapesThatARuleDoesNotFitAreNamed() {
        String message = refusal(stripped, LAYOUT.replace("{q: 32}", "{q: 48}"));
        assertTrue(message.contains("attn.qkv") && message.contains("holds 32"), message);
        message = refusal(stripped, LAYOUT.replace("extent: 101", "extent: 1010"));
        assertTrue(message.contains("112 rows") && message.contains("1010"), message);
        message = refusal(stripped, LAYOUT.replace("q_gain', average", "q_gain', unique"));
        assertTrue(message.contains("ranks 0 and 1"), message);
    }

    @Test
    void layoutThatContradictsTheFilesIsRefused() {
        String wrong = LAYOUT.replace("parts: [gate, up]", "units: 2");
        String message = refusal(WHOLE, wrong);
        assertTrue(message.contains("mlp.gate_up.weight") && message.contains(KEY), message);
        message = refusal(stripped, LAYOUT.replace("{tp: 2}", "{tp: 4}"));
        assertTrue(message.contains("4 ranks of axis tp") && message.contains("has 2"), message);
        message = refusal(stripped, LAYOUT.replace("stage: 1", "stage: 2"));
        assertTrue(message.contains("stage 2"), message);
    }

    @Test
    void layoutThatIsNoFileAndNoPresetIsNamed() {
        IOException refused = assertThrows(
                IOException.class, () -> Checkpoint.open(stripped, new OpenOptions(null, Path.of("lama"))));
        assertTrue(refused.getMessage().contains("gpt, llama, mixtral"), refused.getMessage());
    }
}
