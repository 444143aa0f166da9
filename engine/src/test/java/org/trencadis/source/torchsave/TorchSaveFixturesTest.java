package org.trencadis.source.torchsave;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.ExportSettings;
import org.trencadis.ImportSettings;
import org.trencadis.OpenOptions;
import org.trencadis.Progress;
import org.trencadis.TensorFilter;
import org.trencadis.format.Value;
import org.trencadis.index.Alias;
import org.trencadis.index.Attachment;
import org.trencadis.index.Finding;
import org.trencadis.source.ExpectedTensors;
import org.trencadis.source.SourceException;
import tools.jackson.databind.JsonNode;

/** Every real file of torch.save reads as what its writer had in memory. */
class TorchSaveFixturesTest {
    private static final Path TORCH = Path.of("src/test/resources/fixtures/torch");

    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "alignment_4096",
                "big_endian",
                "containers",
                "dtypes",
                "legacy_shared_storages",
                "legacy_state_dict",
                "no_crc32",
                "numpy_and_rng",
                "protocol4",
                "protocol5_containers",
                "shared_storages",
                "sparse_and_meta",
                "state_dict",
                "stream_archive",
                "training_state",
                "whole_module"
            })
    void tensorsAliasesAndValuesEqualMemory(String name) throws IOException {
        JsonNode expected = ExpectedTensors.read(TORCH.resolve(name).resolve("expected.json"));
        Map<String, String> aliases = expectedAliases(expected);
        Map<String, String> tensors = ExpectedTensors.ofMemory(expected);
        tensors.keySet().removeAll(aliases.keySet());
        assertEquals(tensors, ExpectedTensors.ofCheckpoint(TORCH.resolve(name)));
        try (Checkpoint checkpoint = open(TORCH.resolve(name))) {
            assertEquals("torchsave", checkpoint.catalog().findFact("source"));
            Map<String, String> found = new TreeMap<>();
            for (Alias alias : checkpoint.catalog().aliases()) {
                found.put(alias.name(), alias.target());
            }
            assertEquals(aliases, found);
            List<String> kept = checkpoint.catalog().attachments().stream()
                    .map(Attachment::name)
                    .toList();
            for (String value : expected.get("bytes_entries").propertyNames()) {
                assertTrue(
                        kept.stream().anyMatch(each -> value.equals(each) || value.startsWith(each + ".")),
                        value + " is in none of " + kept);
            }
            assertEquals(List.of(), checkpoint.catalog().findings());
        }
    }

    /** Of the tensors that share a storage, those that are the very same view. */
    private static Map<String, String> expectedAliases(JsonNode expected) {
        Map<String, String> aliases = new TreeMap<>();
        for (Map.Entry<String, JsonNode> pair : expected.get("shared").properties()) {
            JsonNode tensor = expected.get("tensors").get(pair.getKey());
            JsonNode other = expected.get("tensors").get(pair.getValue().asString());
            if (tensor.equals(other)) {
                aliases.put(pair.getKey(), pair.getValue().asString());
            }
        }
        return aliases;
    }

    @Test
    void storedAndExportedCopiesHoldTheSame() throws IOException {
        for (String name : List.of("shared_storages", "big_endian", "dtypes", "legacy_shared_storages")) {
            Path container = directory.resolve(name);
            byte[] digest;
            try (Checkpoint source = open(TORCH.resolve(name))) {
                source.importInto(container, ImportSettings.standard(), Progress.NONE);
                digest = source.digests(Progress.NONE).universal();
            }
            try (Checkpoint stored = open(container)) {
                assertArrayEquals(digest, stored.digests(Progress.NONE).universal());
            }
        }
        Path out = directory.resolve("out");
        // complex32 and complex128 have no type in safetensors.
        TensorFilter filter = TensorFilter.of(List.of(), List.of("c128", "c32"), List.of());
        ExportSettings settings = new ExportSettings(filter, null, ExportSettings.DEFAULT_SHARD_BYTES, 2);
        try (Checkpoint source = open(TORCH.resolve("dtypes"))) {
            source.exportSafetensors(out, settings, Progress.NONE);
        }
        Map<String, String> expected = ExpectedTensors.ofCheckpoint(TORCH.resolve("dtypes"));
        expected.keySet().removeAll(List.of("c128", "c32"));
        assertEquals(expected, ExpectedTensors.ofCheckpoint(out));
    }

    @Test
    void tiedTensorIsExportedOnceAndReadBackUnderBothNames() throws IOException {
        Path out = directory.resolve("out.safetensors");
        try (Checkpoint source = open(TORCH.resolve("shared_storages"))) {
            source.exportSafetensors(out, ExportSettings.standard(), Progress.NONE);
        }
        try (Checkpoint back = open(out)) {
            assertEquals(List.of(new Alias("list.0", "base")), back.catalog().aliases());
        }
        assertEquals(ExpectedTensors.ofCheckpoint(TORCH.resolve("shared_storages")), ExpectedTensors.ofCheckpoint(out));
    }

    @Test
    void whatIsNoDenseTensorIsAValue() throws IOException {
        try (Checkpoint checkpoint = open(TORCH.resolve("sparse_and_meta"))) {
            Value coo = attachment(checkpoint, "coo");
            assertEquals(new Value.Global("torch._utils", "_rebuild_sparse_tensor"), ((Value.Instance) coo).callable());
            assertEquals(
                    new Value.Global("torch._utils", "_rebuild_meta_tensor_no_storage"),
                    ((Value.Instance) attachment(checkpoint, "meta")).callable());
        }
        try (Checkpoint checkpoint = open(TORCH.resolve("containers"))) {
            assertEquals(new Value.Text("tuple key"), attachment(checkpoint, "dict.(1, 2)"));
        }
        try (Checkpoint checkpoint = open(TORCH.resolve("state_dict"))) {
            assertTrue(attachment(checkpoint, "_metadata") instanceof Value.Mapping);
        }
    }

    private static Value attachment(Checkpoint checkpoint, String name) throws IOException {
        return checkpoint.catalog().attachments().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow()
                .value();
    }

    @Test
    void indexLeadsToSeveralFiles() throws IOException {
        Files.copy(TORCH.resolve("big_endian/model.pt"), directory.resolve("pytorch_model-00001-of-00002.bin"));
        Files.copy(TORCH.resolve("legacy_state_dict/model.pt"), directory.resolve("pytorch_model-00002-of-00002.bin"));
        Map<String, String> expected =
                ExpectedTensors.ofMemory(ExpectedTensors.read(TORCH.resolve("big_endian/expected.json")));
        StringBuilder map = new StringBuilder();
        expected.keySet().forEach(name -> map.append(entry(name, 1)));
        Map<String, String> second =
                ExpectedTensors.ofMemory(ExpectedTensors.read(TORCH.resolve("legacy_state_dict/expected.json")));
        second.keySet().forEach(name -> map.append(entry(name, 2)));
        writeIndex("{\"weight_map\": {" + map.substring(1) + "}}");
        expected.putAll(second);
        assertEquals(expected, ExpectedTensors.ofCheckpoint(directory));
        writeIndex("{\"weight_map\": {\"nowhere\":" + entry("", 1).substring(4) + map + "}}");
        IOException missing = assertThrows(SourceException.class, () -> open(directory));
        assertTrue(missing.getMessage().contains("nowhere"), missing.getMessage());
        writeIndex("{\"weight_map\": {" + map.substring(1 + map.substring(1).indexOf(',') + 1) + "}}");
        try (Checkpoint checkpoint = open(directory)) {
            assertEquals(
                    List.of("source.not-in-index"),
                    checkpoint.catalog().findings().stream().map(Finding::code).toList());
        }
    }

    private static String entry(String name, int file) {
        return ",\"" + name + "\":\"pytorch_model-0000" + file + "-of-00002.bin\"";
    }

    private void writeIndex(String text) throws IOException {
        Files.write(directory.resolve("pytorch_model.bin.index.json"), text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void filesOfOtherFrameworksAreNotTaken() throws IOException {
        TorchSaveSource reader = new TorchSaveSource();
        Path file = TORCH.resolve("protocol4/model.pt");
        Files.copy(file, directory.resolve("model.pt"));
        assertEquals(List.of("a file named model.pt"), reader.find(directory).evidence());
        Files.copy(file, directory.resolve("optimizer.pt"));
        Files.copy(file, directory.resolve("training_args.bin"));
        assertTrue(reader.find(directory) != null);
        for (String foreign : List.of("mp_rank_00_model_states.pt", ".metadata", "latest", "__0_0.distcp")) {
            Files.copy(file, directory.resolve(foreign));
            assertEquals(null, reader.find(directory), foreign);
            Files.delete(directory.resolve(foreign));
        }
        Files.copy(file, directory.resolve("other.pth"));
        assertEquals(null, reader.find(directory));
        Files.copy(file, directory.resolve("pytorch_model.bin"));
        assertEquals(
                List.of("a file named pytorch_model.bin"),
                reader.find(directory).evidence());
        assertEquals(
                17, ExpectedTensors.ofCheckpoint(directory.resolve("other.pth")).size());
        Files.copy(file, directory.resolve("no_suffix"));
        assertEquals(
                17, ExpectedTensors.ofCheckpoint(directory.resolve("no_suffix")).size());
    }

    private static Checkpoint open(Path what) throws IOException {
        return Checkpoint.open(what, OpenOptions.NONE);
    }
}
