package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Damage of every kind that can be planted is found, placed, and healed by the command that is named. */
class VerifyCommandTest {
    @TempDir
    Path temp;

    private Path raw;
    private Path container;

    @BeforeEach
    void importSample() throws IOException {
        raw = Sample.unpack(temp);
        container = temp.resolve("store");
        Cli.clean("import", raw, container, "--as", "a");
    }

    private JsonNode findings(Object what, String level) {
        Cli.Result result = Cli.run("--json", "verify", what, "--level", level);
        JsonNode findings = result.json().get("findings");
        assertEquals(findings.isEmpty() ? CommandRunner.CLEAN : CommandRunner.FINDINGS, result.code());
        return findings;
    }

    private static Path only(Path directory, String suffix) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            List<Path> found =
                    files.filter(file -> file.toString().endsWith(suffix)).toList();
            assertEquals(1, found.size(), found.toString());
            return found.getFirst();
        }
    }

    private static void flip(Path file, long offset) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[Math.toIntExact(offset)] ^= 4;
        Files.write(file, bytes);
    }

    @Test
    void otherNamesAreRefusedForWhatIsStoredAndTakenForADirectory() {
        for (Object what : List.of(container, container + "@a")) {
            for (String[] names : new String[][] {{"--names", "llama"}, {"--rename", "layers=h"}}) {
                Cli.Result result = Cli.run("verify", what, names[0], names[1]);
                assertEquals(CommandRunner.USAGE, result.code());
                assertTrue(result.messages().contains("--names and --rename are not for"), result.messages());
            }
        }
        Cli.Result renamed = Cli.run("verify", raw, "--rename", "layers=h", "--level", "structure");
        assertEquals(CommandRunner.CLEAN, renamed.code(), renamed.messages());
    }

    @Test
    void howADirectoryIsReadIsRefusedForWhatIsStored() {
        Object[][] commands = {
            {"ls", container, "--source", "deepspeed"},
            {"ls", container + "@a", "--source-layout", "layout.yaml"},
            {"inspect", container, "--source", "deepspeed"},
            {"digest", container, "--source", "deepspeed"},
            {"verify", container, "--source", "deepspeed"},
            {"diff", container, container + "@a", "--source", "deepspeed"},
        };
        for (Object[] command : commands) {
            Cli.Result result = Cli.run(command);
            assertEquals(CommandRunner.USAGE, result.code(), result.messages());
            assertTrue(result.messages().contains("says how a framework's directory is read"), result.messages());
        }
        Cli.Result mixed = Cli.run("diff", container + "@a", raw, "--source", "deepspeed");
        assertEquals(CommandRunner.CLEAN, mixed.code(), mixed.messages());
    }

    @Test
    void wholeContainersLinksAndDirectoriesAreClean() {
        Cli.clean("link", raw, temp.resolve("link"));
        for (String level : List.of("structure", "copies", "data")) {
            assertTrue(findings(container, level).isEmpty());
            assertTrue(findings(container + "@a", level).isEmpty());
            assertTrue(findings(temp.resolve("link"), level).isEmpty());
            assertTrue(findings(raw, level).isEmpty());
        }
        assertTrue(Cli.run("verify", container).lines().getLast().startsWith("clean\t74 tensors\t416396 bytes read"));
    }

    @Test
    void aFlippedByteIsFoundInItsTensorAndChunk() throws IOException {
        Path shard = only(container.resolve("shards"), ".shard");
        String name = "embed.weight";
        JsonNode extent = Cli.clean("--json", "inspect", container, name + ":fp32")
                .json()
                .get("tensors")
                .get(0)
                .get("copies")
                .get(0)
                .get("fragments")
                .get(0)
                .get("extents")
                .get(0);
        byte[] tensor = Cli.clean("slice", container, name).bytes();
        long at = indexOf(Files.readAllBytes(shard), tensor);
        flip(shard, at + 100);

        assertTrue(findings(container, "structure").isEmpty(), "structure reads no tensor bytes");
        JsonNode findings = findings(container, "data");
        assertEquals(1, findings.size(), findings.toString());
        JsonNode finding = findings.get(0);
        assertEquals("corrupt", finding.get("code").asString());
        assertEquals(name + ":fp32", finding.get("tensor").asString());
        assertEquals("[0:101,0:32]", finding.get("region").asString());
        assertEquals(extent.get("chunk").asLong(), finding.get("chunk").asLong());
        assertEquals(at, finding.get("offset").asLong());
        assertEquals(shard.toRealPath().toString(), finding.get("file").asString());
        assertEquals(
                "trencadis rm " + container + "@a && trencadis import ORIGINAL " + container + " --as a",
                finding.get("heal").asString());

        Cli.clean("rm", container + "@a");
        Cli.run("import", raw, container, "--as", "a");
        assertTrue(findings(container + "@a", "data").isEmpty());
        assertEquals("", Cli.clean("diff", raw, container + "@a").out());
    }

    private static long indexOf(byte[] bytes, byte[] part) {
        for (int at = 0; at <= bytes.length - part.length; at++) {
            if (java.util.Arrays.mismatch(bytes, at, at + part.length, part, 0, part.length) < 0) {
                return at;
            }
        }
        throw new AssertionError("not in the shard");
    }

    @Test
    void everyByteOfAShardMatters() throws IOException {
        Path shard = only(container.resolve("shards"), ".shard");
        byte[] whole = Files.readAllBytes(shard);
        List<Integer> unseen = new ArrayList<>();
        for (int at = 0; at < whole.length; at += 4999) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 1;
            Files.write(shard, damaged);
            if (findings(container, "data").isEmpty()) {
                unseen.add(at);
            }
        }
        // Gaps between runs of chunks hold nothing.
        List<Integer> gaps = unseen.stream().filter(at -> whole[at] == 0).toList();
        assertEquals(gaps, unseen);
        assertTrue(unseen.size() < 20, unseen.toString());
    }

    @Test
    void aMissingShardIsNamed() throws IOException {
        Path shard = only(container.resolve("shards"), ".shard");
        Files.delete(shard);
        JsonNode finding = findings(container, "structure").get(0);
        assertEquals("missing", finding.get("code").asString());
        assertTrue(finding.get("file").asString().endsWith(shard.getFileName().toString()));
        assertEquals(
                CommandRunner.FAILED, Cli.run("digest", "--sha256", container).code());
    }

    @Test
    void indexAndTwinHealEachOther() throws Exception {
        Path index = only(container.resolve("checkpoints"), ".idx");
        Path twin = only(container.resolve("checkpoints"), ".twin");
        byte[] whole = Files.readAllBytes(index);
        List<Runnable> damages = List.of(
                () -> write(index, null),
                () -> write(twin, null),
                () -> write(index, flipped(whole, 5000)),
                () -> write(index, flipped(whole, 20)),
                () -> write(index, flipped(whole, whole.length - 10)),
                () -> write(twin, flipped(whole, 5000)),
                () -> write(twin, java.util.Arrays.copyOf(whole, 1000)));
        for (Runnable damage : damages) {
            damage.run();
            JsonNode findings = findings(container, "structure");
            assertFalse(findings.isEmpty());
            for (JsonNode finding : findings) {
                Process shell = new ProcessBuilder(
                                "sh", "-c", finding.get("heal").asString())
                        .inheritIO()
                        .start();
                assertEquals(0, shell.waitFor());
            }
            assertTrue(findings(container, "data").isEmpty());
        }
    }

    private static byte[] flipped(byte[] bytes, int at) {
        byte[] copy = bytes.clone();
        copy[at] ^= 1;
        return copy;
    }

    private static void write(Path file, byte[] bytes) {
        try {
            Files.deleteIfExists(file);
            if (bytes != null) {
                Files.write(file, bytes);
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void aLinkNoticesThatAnOriginalChangedOrWent() throws IOException {
        Path link = temp.resolve("link");
        Cli.clean("link", raw, link);
        Path original = raw.resolve("global_step3/mp_rank_00_model_states.pt");
        Files.write(original, Files.readAllBytes(original));
        JsonNode changed = findings(link, "structure").get(0);
        assertEquals("changed", changed.get("code").asString());
        assertTrue(changed.get("file").asString().endsWith("mp_rank_00_model_states.pt"));
        Cli.Result digest = Cli.run("digest", link);
        assertEquals(CommandRunner.FAILED, digest.code());
        assertTrue(digest.messages().contains("mp_rank_00_model_states.pt"), digest.messages());
        Files.delete(original);
        assertFalse(findings(link, "structure").isEmpty());
        assertEquals(
                CommandRunner.FAILED,
                Cli.run("export", link, temp.resolve("e"), "--format", "safetensors")
                        .code());
        assertFalse(Files.exists(temp.resolve("e")));
        try (Stream<Path> entries = Files.list(temp)) {
            assertTrue(entries.noneMatch(entry -> entry.toString().endsWith(".partial")));
        }
    }

    @Test
    void textFindingsSayWhereAndHow() throws IOException {
        Files.delete(only(container.resolve("checkpoints"), ".twin"));
        Cli.Result result = Cli.run("verify", container);
        String line = result.lines().getFirst();
        assertTrue(line.startsWith("twin-missing: "), line);
        assertTrue(line.contains("; file ") && line.contains("; heal: cp -- "), line);
        assertTrue(result.lines().getLast().startsWith("1 findings\t"));
    }
}
