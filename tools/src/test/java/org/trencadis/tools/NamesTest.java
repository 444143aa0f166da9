package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real checkpoints under other names: of a Llama of transformers, cut by DeepSpeed, and of Megatron's GPT. */
class NamesTest {
    private static final Path LLAMA = Cli.checkpoint("autotp2_dp2_zero1");
    private static final Path MEGATRON =
            Path.of("../engine/src/test/resources/fixtures/megatron/gpt_tp2_pp1/checkpoint");
    private static final String HEADS = ",heads=4,kv=2";

    @TempDir
    Path temp;

    private static String digests(Object... more) {
        Object[] args = Stream.concat(Stream.of("digest"), Stream.of(more)).toArray();
        return Cli.clean(args).out();
    }

    @Test
    void aRenameReplacesTheStartOfANameAndEverythingFollows() {
        Object[] rename = {"--rename", "model\\.layers\\.(\\d+)\\.=block$1/", "--rename", "model\\.="};
        Object[] args = Stream.concat(Stream.of("ls", LLAMA), Stream.of(rename)).toArray();
        List<String> lines = Cli.clean(args).lines();
        assertTrue(lines.contains("block1/mlp.up_proj.weight\texp_avg\tfloat32\t88x32\t11264\t1\t2"), lines.toString());
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("embed_tokens.weight\tfp32")));
        assertTrue(lines.stream().noneMatch(line -> line.startsWith("model.")));
        Path container = temp.resolve("renamed");
        Cli.clean("import", LLAMA, container, "--rename", "model\\.=m.");
        assertEquals(digests(LLAMA), digests(container, "--rename", "m\\.=model."));
        assertEquals(
                "",
                Cli.clean("diff", container, LLAMA, "--rename", "m\\.=model.").out());
    }

    @Test
    void aRenameThatMatchesNothingOrMakesOneNameTwiceIsRefused() {
        Cli.Result unused = Cli.run("ls", LLAMA, "--rename", "modle\\.=x");
        assertEquals(CommandRunner.FAILED, unused.code());
        assertTrue(unused.messages().contains("rename 'modle\\.=x' matches no name"), unused.messages());
        Cli.Result taken = Cli.run("ls", LLAMA, "--rename", ".*norm.weight=norm.weight");
        assertEquals(CommandRunner.FAILED, taken.code());
        assertTrue(taken.messages().contains("that name is taken by model.layers."), taken.messages());
    }

    @Test
    void whatIsStoredUnderMegatronsNamesIsTheSameUnderItsOwn() throws IOException {
        String raw = digests(LLAMA);
        for (String codec : List.of("raw", "zstd")) {
            Path container = temp.resolve(codec);
            Cli.clean("import", LLAMA, container, "--names", "megatron-llama" + HEADS, "--codec", codec);
            assertEquals(61, Cli.clean("ls", container).lines().size(), "15 tensors in 4 states, and the totals");
            assertEquals(raw, digests(container, "--names", "llama" + HEADS));
            Cli.Result diff = Cli.clean("diff", container, LLAMA, "--names", "megatron-legacy-llama" + HEADS);
            assertEquals("", diff.out());
            assertEquals(
                    "clean", Cli.clean("verify", container).lines().getLast().split("\t")[0]);
        }
        Path link = temp.resolve("link");
        Cli.clean("link", LLAMA, link, "--names", "megatron-llama" + HEADS);
        assertEquals(digests(temp.resolve("raw")), digests(link));
    }

    @Test
    void aSliceOfAViewIsWhatItIsMadeOf() {
        byte[] fused = Cli.clean(
                        "slice",
                        LLAMA,
                        "decoder.layers.1.self_attention.linear_qkv.weight:fp32",
                        "--names",
                        "megatron-llama" + HEADS)
                .bytes();
        byte[] query = Cli.clean("slice", LLAMA, "model.layers.1.self_attn.q_proj.weight:fp32")
                .bytes();
        byte[] key = Cli.clean("slice", LLAMA, "model.layers.1.self_attn.k_proj.weight:fp32")
                .bytes();
        byte[] value = Cli.clean("slice", LLAMA, "model.layers.1.self_attn.v_proj.weight:fp32")
                .bytes();
        int head = 8 * 32 * 4;
        for (int group = 0; group < 2; group++) {
            int at = group * 4 * head;
            assertSame(query, 2 * group * head, fused, at, 2 * head);
            assertSame(key, group * head, fused, at + 2 * head, head);
            assertSame(value, group * head, fused, at + 3 * head, head);
        }
    }

    private static void assertSame(byte[] one, int from, byte[] other, int at, int bytes) {
        assertArrayEquals(Arrays.copyOfRange(one, from, from + bytes), Arrays.copyOfRange(other, at, at + bytes));
    }

    @Test
    void layersThatMegatronStacksAreOneTensorEachWithTheHeadsThatItsArgumentsSay() {
        byte[] stack = Cli.clean("slice", MEGATRON, "decoder.layers.mlp.linear_fc1.weight:exp_avg")
                .bytes();
        byte[] up = Cli.clean("slice", MEGATRON, "model.layers.1.mlp.up_proj.weight:exp_avg", "--names", "llama")
                .bytes();
        assertArrayEquals(Arrays.copyOfRange(stack, 3 * up.length, 4 * up.length), up);
        Path container = temp.resolve("hf");
        Cli.clean("import", MEGATRON, container, "--names", "llama,vocab=101", "--codec", "lz4");
        List<String> lines =
                Cli.clean("ls", container, "--include", "lm_head.weight").lines();
        assertEquals("lm_head.weight\texp_avg\tfloat32\t101x32\t12928\t1\t2", lines.getFirst());
        assertEquals(
                "",
                Cli.clean("diff", container, MEGATRON, "--names", "llama,vocab=101")
                        .out());
        assertEquals(
                "",
                Cli.clean("diff", container, MEGATRON, "--names", "megatron-llama,vocab=101")
                        .out());
    }

    @Test
    void weightsAloneAreComparedWhereOneSideHoldsNothingElse() throws IOException {
        Path weights = temp.resolve("weights");
        Cli.clean("export", LLAMA, weights, "--format", "safetensors", "--dtype", "bf16");
        Cli.Result equal = Cli.run("diff", weights, LLAMA, "--names", "llama");
        assertEquals(CommandRunner.CLEAN, equal.code());
        assertEquals("", equal.out());
        assertTrue(equal.messages().contains("holds weights only"), equal.messages());
        Path masters = temp.resolve("masters");
        Cli.clean("export", LLAMA, masters, "--format", "safetensors");
        assertEquals("", Cli.run("diff", LLAMA, masters, "--names", "llama").out());
        // Without names, what is missing is a difference.
        assertEquals(CommandRunner.FINDINGS, Cli.run("diff", weights, LLAMA).code());
        Path changed = temp.resolve("changed");
        Files.createDirectories(changed);
        byte[] bytes = Files.readAllBytes(weights.resolve("model.safetensors"));
        bytes[bytes.length - 1] ^= 1;
        Files.write(changed.resolve("model.safetensors"), bytes);
        Cli.Result different = Cli.run("diff", changed, LLAMA, "--names", "llama");
        assertEquals(CommandRunner.FINDINGS, different.code());
        assertEquals(1, different.lines().size());
    }

    @Test
    void anExportIsWrittenUnderTheNamesAskedFor() throws IOException {
        Path out = temp.resolve("named");
        Cli.clean("export", MEGATRON, out, "--format", "safetensors", "--names", "llama,vocab=101");
        Cli.Result equal = Cli.run("diff", out, MEGATRON, "--names", "megatron-legacy-llama,vocab=101,heads=4,kv=2");
        assertEquals("", equal.out());
        assertEquals(CommandRunner.CLEAN, equal.code());
        Cli.Result refused = Cli.run(
                "export", LLAMA, temp.resolve("universal"), "--format", "deepspeed-universal", "--rename", "model=m");
        assertEquals(CommandRunner.FAILED, refused.code());
        assertTrue(refused.messages().contains("speaks of the names that its parameters have"), refused.messages());
    }

    @Test
    void aFileOfRulesIsReadWhereItsNameHasADot() throws IOException {
        Path rules = temp.resolve("rules.yaml");
        Files.writeString(rules, """
                trencadis: 1
                names:
                  rules:
                  - {split: '{n}.mlp.gate_up.{w}', into: ['layers.{n}.gate.{w}', 'layers.{n}.up.{w}']}
                  - {transpose: '{n}.mlp.down.{w}', into: 'layers.{n}.down.{w}'}
                  - {join: ['layers.{n}.down.weight', 'layers.{n}.gate.weight'], into: 'layers.{n}.both'}
                """, StandardCharsets.UTF_8);
        Path pipeline = Cli.checkpoint("pp2_dp2_zero1_tied");
        List<String> lines = Cli.clean("ls", pipeline, "--names", rules, "--states", "exp_avg_sq")
                .lines();
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("layers.2.both\texp_avg_sq\tfloat32\t176x32\t")));
        Files.writeString(rules, "trencadis: 1\nnames: {rules: [{transpose: nothing}]}", StandardCharsets.UTF_8);
        Cli.Result unused = Cli.run("ls", pipeline, "--names", rules);
        assertTrue(unused.messages().contains("rules.yaml:2:17: transpose matches no name"), unused.messages());
    }
}
