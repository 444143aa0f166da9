package org.trencadis.source.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.ExportSettings;
import org.trencadis.ImportSettings;
import org.trencadis.OpenOptions;
import org.trencadis.Progress;
import org.trencadis.VerifyLevel;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Finding;
import org.trencadis.source.ExpectedTensors;
import org.trencadis.source.SourceException;
import tools.jackson.databind.JsonNode;

/** Every real safetensors checkpoint reads as what its writer had in memory; malformed files as their manifest says. */
class SafetensorsFixturesTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
    private static final Path MALFORMED = FIXTURES.resolve("safetensors/malformed");

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({
        "safetensors/all_dtypes, model.safetensors",
        "safetensors/llama_sharded, model.safetensors.index.json",
        "safetensors/llama_single_tied, model.safetensors",
        "safetensors/odd_entries, model.safetensors",
        "safetensors/unaligned_header, model.safetensors",
        "dcp/hf_consolidated, model.safetensors.index.json",
        "dcp/hf_rank0, model.safetensors.index.json",
        "dcp/hf_sharded,"
    })
    void tensorsEqualMemory(String name, String file) throws IOException {
        Path checkpoint = FIXTURES.resolve(name).resolve("checkpoint");
        Map<String, String> expected =
                expected(ExpectedTensors.read(FIXTURES.resolve(name).resolve("expected.json")));
        assertEquals(expected, ExpectedTensors.ofCheckpoint(checkpoint));
        if (file != null) {
            assertEquals(expected, ExpectedTensors.ofCheckpoint(checkpoint.resolve(file)));
        }
    }

    /**
     * Four-bit floats: torch calls two of them one element of float4_e2m1fn_x2; here, as in the file, each counts. Their
     * bytes are the same.
     */
    private static Map<String, String> expected(JsonNode expected) {
        Map<String, String> lines = ExpectedTensors.ofMemory(expected);
        for (Map.Entry<String, JsonNode> entry : expected.get("tensors").properties()) {
            JsonNode tensor = entry.getValue();
            if (tensor.get("dtype").asString().equals("float4_e2m1fn_x2")) {
                lines.put(
                        entry.getKey(),
                        ExpectedTensors.line(
                                "float4_e2m1fn",
                                ExpectedTensors.shape(tensor.get("safetensors_shape")),
                                tensor.get("sha256").asString()));
            }
        }
        return lines;
    }

    static Stream<String> malformed() throws IOException {
        return ExpectedTensors.read(MALFORMED.resolve("manifest.json")).propertyNames().stream();
    }

    @ParameterizedTest
    @MethodSource("malformed")
    void malformedFileGetsWhatItsManifestSays(String name) throws IOException {
        String must = ExpectedTensors.read(MALFORMED.resolve("manifest.json"))
                .get(name)
                .get("must")
                .asString();
        switch (must) {
            case "accept" -> ExpectedTensors.ofCheckpoint(MALFORMED.resolve(name));
            case "refuse" -> {
                FormatException refusal = assertThrows(
                        FormatException.class, () -> ExpectedTensors.ofCheckpoint(MALFORMED.resolve(name)));
                assertTrue(refusal.place().resource().endsWith(name), refusal.getMessage());
            }
            default -> readOrRefuse(MALFORMED.resolve(name));
        }
    }

    private static void readOrRefuse(Path file) throws IOException {
        try {
            ExpectedTensors.ofCheckpoint(file);
        } catch (FormatException refused) {
            assertTrue(refused.getMessage().contains("offset="), refused.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"safetensors/all_dtypes", "safetensors/odd_entries", "dcp/hf_sharded"})
    void exportReadBackIsEqual(String name) throws IOException {
        Path out = directory.resolve("out");
        byte[] digest;
        try (Checkpoint source = open(FIXTURES.resolve(name).resolve("checkpoint"))) {
            source.exportSafetensors(out, ExportSettings.standard(), Progress.NONE);
            digest = source.digests(Progress.NONE).universal();
        }
        try (Checkpoint back = open(out)) {
            assertArrayEquals(digest, back.digests(Progress.NONE).universal());
        }
    }

    @Test
    void fileIsLinkedImportedAndVerifiedLikeADirectory() throws IOException {
        Path file = FIXTURES.resolve("safetensors/all_dtypes/checkpoint/model.safetensors");
        Path links = directory.resolve("links");
        Path container = directory.resolve("container");
        byte[] digest;
        try (Checkpoint source = open(file)) {
            source.link(links, "a");
            source.importInto(container, ImportSettings.standard(), Progress.NONE);
            digest = source.digests(Progress.NONE).universal();
        }
        for (Path stored : List.of(links, container)) {
            try (Checkpoint checkpoint = open(stored)) {
                assertArrayEquals(digest, checkpoint.digests(Progress.NONE).universal());
            }
        }
        for (Path what : List.of(file, links, container)) {
            assertTrue(Checkpoint.verify(what.toString(), OpenOptions.NONE, VerifyLevel.DATA, Progress.NONE)
                    .isClean());
        }
    }

    @Test
    void filesBehindSymbolicLinksAreRead() throws IOException {
        Path blobs = Files.createDirectory(directory.resolve("blobs"));
        Path snapshot = Files.createDirectory(directory.resolve("snapshot"));
        Files.copy(
                FIXTURES.resolve("safetensors/unaligned_header/checkpoint/model.safetensors"), blobs.resolve("0a1b"));
        Files.createSymbolicLink(snapshot.resolve("model.safetensors"), Path.of("../blobs/0a1b"));
        assertEquals(3, ExpectedTensors.ofCheckpoint(snapshot).size());
        assertEquals(
                3,
                ExpectedTensors.ofCheckpoint(snapshot.resolve("model.safetensors"))
                        .size());
        try (Checkpoint source = open(snapshot)) {
            source.importInto(directory.resolve("container"), ImportSettings.standard(), Progress.NONE);
        }
        try (Checkpoint stored = open(directory.resolve("container"))) {
            assertEquals(null, stored.catalog().facts().find("base_links"));
        }
    }

    @Test
    void whatTheWriterSaidIsKept() throws IOException {
        try (Checkpoint sharded = open(FIXTURES.resolve("dcp/hf_sharded/checkpoint"));
                Checkpoint llama = open(FIXTURES.resolve("safetensors/llama_sharded/checkpoint"))) {
            assertEquals("safetensors", sharded.catalog().findFact("source"));
            assertEquals("DCP 1.0", sharded.catalog().findFact("framework_version"));
            Value.Mapping geometry = (Value.Mapping) sharded.catalog().facts().find("geometry");
            assertEquals(new Value.Int(3), geometry.find("ranks"));
            var tensor = sharded.catalog().tensor(sharded.catalog().findTensor("adapter", "model"));
            var copy = sharded.catalog().copy(tensor, 0);
            assertEquals(3, copy.fragmentCount());
            assertEquals(
                    List.of(2L),
                    sharded.catalog()
                            .holders(sharded.catalog().fragment(copy, 2).holders()));
            assertEquals(List.of(), sharded.catalog().findings());
            assertEquals(
                    List.of("metadata", "__metadata__", "config", "generation_config").stream()
                            .sorted()
                            .toList(),
                    llama.catalog().attachments().stream()
                            .map(Attachment::name)
                            .sorted()
                            .toList());
        }
    }

    @Test
    void scalarsOfAConsolidatedCheckpointAreAFinding() throws IOException {
        copy("dcp/hf_rank0", "");
        Files.createDirectory(directory.resolve("sharded"));
        try (Checkpoint checkpoint = open(directory)) {
            List<Finding> findings = checkpoint.catalog().findings();
            assertEquals(
                    List.of("safetensors.consolidated-scalars"),
                    findings.stream().map(Finding::code).toList());
            assertTrue(findings.getFirst().text().endsWith("sharded/: logit_scale"));
        }
    }

    @Test
    void missingShardOfARankIsNamed() throws IOException {
        copy("dcp/hf_sharded", "shard-00002-model-00002-of-00002.safetensors");
        IOException hole = assertThrows(CatalogException.class, () -> open(directory));
        assertTrue(hole.getMessage().contains("layers.0."), hole.getMessage());
        Files.delete(directory.resolve("shard-00002-model-00001-of-00002.safetensors"));
        IOException missing = assertThrows(SourceException.class, () -> open(directory));
        assertTrue(missing.getMessage().contains("ranks 1 to 3"), missing.getMessage());
    }

    @Test
    void indexMustBeTrue() throws IOException {
        copy("safetensors/llama_sharded", "");
        Path index = directory.resolve("model.safetensors.index.json");
        String text = Files.readString(index);
        Files.writeString(index, text.replace("119424", "119428"));
        try (Checkpoint checkpoint = open(directory)) {
            assertEquals(
                    List.of("source.total-size"),
                    checkpoint.catalog().findings().stream().map(Finding::code).toList());
        }
        Files.writeString(index, text.replaceFirst("(model.norm.weight\": \"model-0000)2", "$11"));
        IOException wrong = assertThrows(SourceException.class, () -> open(directory));
        assertTrue(wrong.getMessage().contains("model.norm.weight is in model-00001"), wrong.getMessage());
        Files.writeString(index, text.replaceFirst("model-00002-of", "../../x"));
        assertThrows(FormatException.Corrupt.class, () -> open(directory));
        Files.writeString(index, text);
        Files.delete(directory.resolve("model-00002-of-00002.safetensors"));
        IOException missing = assertThrows(SourceException.class, () -> open(directory));
        assertTrue(missing.getMessage().contains("is missing"), missing.getMessage());
    }

    @Test
    void directoryOfUnrelatedFilesIsRefused() throws IOException {
        Path file = FIXTURES.resolve("safetensors/unaligned_header/checkpoint/model.safetensors");
        Files.copy(file, directory.resolve("a.safetensors"));
        assertEquals(3, ExpectedTensors.ofCheckpoint(directory).size());
        Files.copy(file, directory.resolve("b.safetensors"));
        IOException refusal = assertThrows(SourceException.class, () -> open(directory));
        assertTrue(refusal.getMessage().contains("give one of them"), refusal.getMessage());
        Files.copy(file, directory.resolve("model.safetensors"));
        try (Checkpoint checkpoint = open(directory)) {
            assertEquals(
                    List.of("safetensors.not-read"),
                    checkpoint.catalog().findings().stream().map(Finding::code).toList());
        }
    }

    private void copy(String name, String without) throws IOException {
        try (Stream<Path> files = Files.list(FIXTURES.resolve(name).resolve("checkpoint"))) {
            for (Path file : files.toList()) {
                if (!file.getFileName().toString().equals(without)) {
                    Files.copy(file, directory.resolve(file.getFileName()));
                }
            }
        }
    }

    private static Checkpoint open(Path what) throws IOException {
        return Checkpoint.open(what, OpenOptions.NONE);
    }
}
