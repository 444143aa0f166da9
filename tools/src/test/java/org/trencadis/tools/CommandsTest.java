package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What each command prints and returns, on one real checkpoint. */
class CommandsTest {
    private static final String TENSOR = "layers.0.attn.qkv.weight";

    @TempDir
    Path temp;

    private Path raw;

    @BeforeEach
    void unpack() throws IOException {
        raw = Sample.unpack(temp);
    }

    @Test
    void lsPrintsSevenFieldsATensorAndTotalsLast() {
        List<String> lines = Cli.clean("ls", raw).lines();
        assertEquals("embed.weight\texp_avg\tfloat32\t101x32\t12928\t1\t1", lines.getFirst());
        assertEquals("74 tensors\t\t\t\t416396\t74\t86", lines.getLast());
        assertEquals(75, lines.size());
    }

    @Test
    void lsSelectsByNameAndState() {
        List<String> lines = Cli.clean(
                        "ls",
                        raw,
                        "--include",
                        "layers.?.attn.*",
                        "--exclude",
                        "*.o.weight",
                        "--states",
                        "fp32,exp_avg")
                .lines();
        assertEquals(
                List.of(
                        "layers.0.attn.qkv.weight\texp_avg",
                        "layers.0.attn.qkv.weight\tfp32",
                        "layers.1.attn.qkv.weight\texp_avg",
                        "layers.1.attn.qkv.weight\tfp32"),
                lines.subList(0, lines.size() - 1).stream()
                        .map(line -> String.join(
                                "\t", Arrays.asList(line.split("\t")).subList(0, 2)))
                        .toList());
    }

    @Test
    void lsOfAContainerListsItsCheckpoints() {
        Path container = temp.resolve("c");
        Cli.clean("import", raw, container, "--as", "one");
        assertTrue(Cli.clean("ls", container).lines().getLast().startsWith("74 tensors in one\t"));
        Cli.clean("import", raw, container, "--as", "two");
        List<String> lines = Cli.clean("ls", container).lines();
        assertEquals(3, lines.size());
        assertTrue(lines.get(0).startsWith("one\t1\t74\t416396\tdeepspeed\tstored\t"), lines.get(0));
        assertTrue(lines.get(1).startsWith("two\t1\t74\t416396\tdeepspeed\tstored\t"), lines.get(1));
        assertEquals("2 checkpoints\t\t\t832792", lines.get(2));
        JsonNode json = Cli.clean("--json", "ls", container).json();
        assertEquals("two", json.get("checkpoints").get(1).get("name").asString());
        assertFalse(json.has("tensors"));
    }

    @Test
    void aContainerOfSeveralCheckpointsMustBeToldWhich() {
        Path container = temp.resolve("c");
        Cli.clean("import", raw, container, "--as", "one");
        Cli.clean("import", raw, container, "--as", "two");
        Cli.Result digest = Cli.run("digest", container);
        assertEquals(CommandRunner.FAILED, digest.code());
        assertTrue(digest.messages().contains(container + "@one, " + container + "@two"), digest.messages());
        Cli.clean("digest", container + "@two");
        Cli.clean("rm", container + "@two");
        assertEquals(CommandRunner.FAILED, Cli.run("digest", container + "@two").code());
        Cli.clean("digest", container);
    }

    @Test
    void jsonHasTheFieldsOfTheText() {
        JsonNode ls = Cli.clean("ls", "--json", raw).json();
        assertEquals(74, ls.get("tensors").size());
        assertEquals(416396, ls.get("totals").get("bytes").asLong());
        JsonNode first = ls.get("tensors").get(0);
        assertEquals("embed.weight", first.get("name").asString());
        assertEquals(32, first.get("shape").get(1).asInt());
        JsonNode digest = Cli.clean("--json", "digest", raw).json();
        assertEquals(64, digest.get("universal").asString().length());
        assertEquals(
                List.of("exp_avg", "exp_avg_sq", "fp32", "model"),
                List.copyOf(digest.get("states").propertyNames()));
        JsonNode stats =
                Cli.clean("--json", "stats", raw, "--include", "norm.weight").json();
        assertEquals(0, stats.get("tensors").get(0).get("nan").asInt());
    }

    @Test
    void inspectSaysWhatItWasTakenForAndWhereATensorLies() {
        List<String> lines = Cli.clean("inspect", raw).lines();
        assertTrue(lines.contains("source\tdeepspeed"));
        assertTrue(lines.contains("tag\tglobal_step3"));
        assertTrue(lines.contains("geometry\tzero_stage=1  dp=3  tp=1  pp=1  ep=1"));
        JsonNode tensor = Cli.clean("--json", "inspect", raw, TENSOR + ":fp32")
                .json()
                .get("tensors")
                .get(0);
        JsonNode copy = tensor.get("copies").get(0);
        String sha256 = Cli.clean("digest", "--sha256", raw, "--include", TENSOR, "--states", "fp32")
                .out()
                .substring(0, 64);
        assertEquals(sha256, copy.get("sha256").asString());
        JsonNode extent = copy.get("fragments").get(0).get("extents").get(0);
        assertTrue(extent.get("file").asString().endsWith("optim_states.pt"));
        assertEquals(8192, extent.get("bytes").asInt());
    }

    @Test
    void sliceCutsTheBoxOutOfTheWholeTensor() throws IOException {
        byte[] whole = Cli.clean("slice", raw, TENSOR).bytes();
        assertEquals(64 * 32 * 4, whole.length);
        byte[] part =
                Cli.clean("slice", raw, TENSOR + ":fp32", "--box", "3:5,7:10").bytes();
        ByteBuffer expected = ByteBuffer.allocate(2 * 3 * 4);
        for (int row = 3; row < 5; row++) {
            expected.put(whole, (row * 32 + 7) * 4, 3 * 4);
        }
        assertArrayEquals(expected.array(), part);
        Path file = temp.resolve("s.npy");
        Cli.clean("slice", raw, TENSOR, "--box", "3:5,7:10", "--npy", "-o", file);
        byte[] npy = Files.readAllBytes(file);
        String head = new String(npy, 10, 118, StandardCharsets.US_ASCII);
        assertEquals("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", head.strip());
        assertEquals(128 + part.length, npy.length);
        assertArrayEquals(part, Arrays.copyOfRange(npy, 128, npy.length));
        assertEquals(
                CommandRunner.FAILED, Cli.run("slice", raw, TENSOR, "-o", file).code());
        assertArrayEquals(npy, Files.readAllBytes(file));
        byte[] model = Cli.clean("slice", raw, TENSOR + ":model", "--npy").bytes();
        assertTrue(new String(model, 0, 128, StandardCharsets.ISO_8859_1).contains("'|V2'"));
    }

    @Test
    void numbersThatMakeNoSenseAreUsageErrors() {
        for (String box : List.of("a", "1:x", "5:3", "0:65", "0:1,0:1,0:1", "-1:2", "1:2:3", "99999999999999999999")) {
            Cli.Result result = Cli.run("slice", raw, TENSOR, "--box", box);
            assertEquals(CommandRunner.USAGE, result.code(), box);
            assertEquals(1, result.messages().lines().count(), result.messages());
        }
        for (String size : List.of("0", "x", "5XB", "-3", "999999999999999999GB")) {
            Cli.Result result =
                    Cli.run("export", raw, temp.resolve("e"), "--format", "safetensors", "--max-shard-size", size);
            assertEquals(CommandRunner.USAGE, result.code(), size);
        }
        assertEquals(
                CommandRunner.USAGE,
                Cli.run("import", raw, temp.resolve("c"), "--threads", "0").code());
        assertEquals(
                CommandRunner.USAGE,
                Cli.run("import", raw, temp.resolve("c"), "--codec", "zip").code());
        for (String option : List.of("--names", "--rename", "--source", "--source-layout")) {
            assertEquals(
                    CommandRunner.USAGE,
                    Cli.run("rm", "container@name", option, "a=b").code());
            assertEquals(CommandRunner.USAGE, Cli.run("demo", option, "a=b").code());
        }
        // One tensor is named: there is nothing to select.
        assertEquals(
                CommandRunner.USAGE,
                Cli.run("slice", raw, TENSOR, "--states", "model").code());
        assertEquals(CommandRunner.USAGE, Cli.run("nonsense").code());
        assertEquals(CommandRunner.USAGE, Cli.run("ls").code());
        assertEquals(CommandRunner.USAGE, Cli.run().code());
        assertEquals(CommandRunner.CLEAN, Cli.run("--help").code());
        assertEquals(CommandRunner.CLEAN, Cli.run("slice", "--help").code());
    }

    @Test
    void statsAreThoseOfTheElements() {
        byte[] bytes = Cli.clean("slice", raw, "norm.weight:fp32").bytes();
        ByteBuffer floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        double sum = 0;
        while (floats.hasRemaining()) {
            sum += floats.getFloat();
        }
        JsonNode stats = Cli.clean("--json", "stats", raw, "--include", "norm.weight", "--states", "fp32")
                .json()
                .get("tensors")
                .get(0);
        assertEquals(sum / 32, stats.get("mean").asDouble(), 1e-12);
        assertEquals(32, stats.get("elements").asInt());
        List<String> perRank = Cli.clean("stats", raw, "--include", "*", "--states", "fp32", "--per-rank")
                .lines();
        long elements = perRank.stream()
                .mapToLong(line -> Long.parseLong(line.replaceAll(".*\telements=([0-9]+)\t.*", "$1")))
                .sum();
        assertEquals(118664 / 4, elements);
        assertTrue(perRank.stream().anyMatch(line -> line.contains("\trank=2\t")));
    }

    @Test
    void diffNamesTheFirstElementAndTheLargestDifference() throws IOException {
        Path other = temp.resolve("other");
        Files.createDirectories(other);
        Path changed = Sample.unpack(other);
        JsonNode extent = Cli.clean("--json", "inspect", raw, TENSOR + ":fp32")
                .json()
                .get("tensors")
                .get(0)
                .get("copies")
                .get(0)
                .get("fragments")
                .get(0)
                .get("extents")
                .get(0);
        Path file = changed.resolve("global_step3").resolve(extent.get("file").asString());
        byte[] bytes = Files.readAllBytes(file);
        int at = extent.get("offset").asInt() + (2 * 32 + 5) * 4;
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putFloat(at, 100);
        Files.write(file, bytes);
        Cli.Result diff = Cli.run("diff", raw, changed);
        assertEquals(CommandRunner.FINDINGS, diff.code());
        String line = diff.lines().getFirst();
        assertTrue(line.startsWith(TENSOR + "\tfp32\tvalues\tfirst=[2,5]\tleft="), line);
        assertTrue(line.contains("\tright=100.0\t") && line.endsWith("\telements=1"), line);
        JsonNode json = Cli.run("--json", "diff", raw, changed).json();
        assertFalse(json.get("equal").asBoolean());
        assertEquals(5, json.get("differences").get(0).get("first").get(1).asInt());
        assertEquals("", Cli.clean("diff", raw, raw).out());
    }

    @Test
    void nothingComparedIsNothingEqual() {
        for (String option : List.of("--include", "--states")) {
            Cli.Result diff = Cli.run("diff", raw, raw, option, "nosuch");
            assertEquals(CommandRunner.FAILED, diff.code());
            assertTrue(diff.messages().contains("is selected"), diff.messages());
        }
    }

    @Test
    void whatAReaderLeftOutIsSaidByWhoeverCopies() throws IOException {
        Path weights = temp.resolve("weights");
        Cli.clean("export", raw, weights, "--format", "safetensors");
        Files.copy(weights.resolve("model.safetensors"), weights.resolve("other.safetensors"));
        for (Object[] command : new Object[][] {
            {"import", weights, temp.resolve("c")},
            {"link", weights, temp.resolve("l")},
            {"export", weights, temp.resolve("e"), "--format", "safetensors"}
        }) {
            Cli.Result result = Cli.run(command);
            assertEquals(CommandRunner.CLEAN, result.code(), result.messages());
            assertTrue(result.messages().contains("are not read: other.safetensors"), result.messages());
        }
    }

    @Test
    void aSelectionThatTakesNothingIsRefused() {
        for (Object[] command : new Object[][] {
            {"digest", raw, "--include", "typo"},
            {"digest", raw, "--states", "typo"},
            {"digest", raw, "--sha256", "--states", "typo"},
            {"stats", raw, "--include", "typo"},
            {"stats", raw, "--per-rank", "--exclude", "*"}
        }) {
            Cli.Result result = Cli.run(command);
            assertEquals(CommandRunner.FAILED, result.code(), result.messages());
            assertEquals("", result.out());
        }
    }

    @Test
    void whatIsThereIsNotReplaced() throws IOException {
        Path out = temp.resolve("out");
        Files.createDirectory(out);
        Cli.Result export = Cli.run("export", raw, out, "--format", "safetensors");
        assertEquals(CommandRunner.FAILED, export.code());
        assertTrue(export.messages().contains("exists already"), export.messages());
        assertEquals(List.of(), list(out));
        Path container = temp.resolve("c");
        Cli.clean("import", raw, container);
        assertEquals(CommandRunner.FAILED, Cli.run("import", raw, container).code());
        assertEquals(CommandRunner.FAILED, Cli.run("link", raw, container).code());
        Cli.clean("verify", container);
    }

    @Test
    void inputThatIsNoCheckpointGetsOneMessage() throws IOException {
        Path empty = Files.createDirectory(temp.resolve("empty"));
        Path text = Files.writeString(temp.resolve("notes.txt"), "notes");
        List<String> targets = List.of("absent", empty.toString(), text.toString(), empty + "@x", "", "a\0b");
        for (String what : targets) {
            for (String command : List.of("ls", "digest", "inspect", "stats", "verify")) {
                Cli.Result result = Cli.run(command, what);
                assertEquals(CommandRunner.FAILED, result.code(), command + " " + what);
                assertEquals(1, result.messages().lines().count(), result.messages());
                assertFalse(result.messages().contains("internal error"), result.messages());
                assertEquals("", result.out());
            }
            Path container = temp.resolve("c");
            assertEquals(
                    CommandRunner.FAILED, Cli.run("import", what, container).code());
            assertEquals(CommandRunner.FAILED, Cli.run("link", what, container).code());
            assertFalse(Files.exists(container));
        }
        JsonNode error = new tools.jackson.databind.ObjectMapper()
                .readTree(Cli.run("--json", "ls", "absent").messages());
        assertEquals(2, error.get("exitCode").asInt());
        assertTrue(error.get("error").asString().startsWith("absent: no such file"));
    }

    @Test
    void aCutFileIsNamed() throws IOException {
        Path file = raw.resolve("global_step3/mp_rank_00_model_states.pt");
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
        Cli.Result result = Cli.run("import", raw, temp.resolve("c"));
        assertEquals(CommandRunner.FAILED, result.code());
        assertTrue(result.messages().contains("mp_rank_00_model_states.pt"), result.messages());
        assertEquals(1, result.messages().lines().count(), result.messages());
        assertFalse(Files.exists(temp.resolve("c")));
    }

    @Test
    void demoEndsWithEqualDigestsAndLeavesNothing() throws IOException {
        Cli.Result demo = Cli.clean("demo");
        assertEquals(
                5,
                demo.lines().stream()
                        .filter(line -> line.contains("digests equal"))
                        .count());
        Path working = Path.of(demo.lines().getFirst().replaceAll("Working in (.*)\\.", "$1"));
        assertFalse(Files.exists(working));
        Path kept = temp.resolve("kept");
        assertTrue(
                Cli.clean("--json", "demo", "--keep", kept).json().get("equal").asBoolean());
        assertTrue(Files.exists(kept.resolve("export/model.safetensors")));
        assertEquals(CommandRunner.FAILED, Cli.run("demo", "--keep", kept).code());
    }

    private static List<Path> list(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.toList();
        }
    }
}
