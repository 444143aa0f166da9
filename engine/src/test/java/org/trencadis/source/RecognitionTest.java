package org.trencadis.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.trencadis.index.Catalog;
import org.trencadis.source.dcp.DcpSource;
import org.trencadis.source.deepspeed.DeepSpeedSource;
import org.trencadis.source.megatron.MegatronSource;
import org.trencadis.source.safetensors.SafetensorsSource;
import org.trencadis.source.torchsave.TorchSaveSource;
import org.trencadis.storage.FileCache;

/** Each real checkpoint is claimed by the reader of its framework and by no other. */
class RecognitionTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
    private static final List<SourceReader> READERS = List.of(
            new DeepSpeedSource(),
            new DcpSource(),
            new MegatronSource(),
            new SafetensorsSource(),
            new TorchSaveSource());

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({
        "deepspeed, checkpoint, deepspeed",
        "dcp, checkpoint, dcp",
        "megatron, checkpoint, megatron",
        "safetensors, checkpoint, safetensors",
        "torch, '', torchsave"
    })
    void everyFixtureIsClaimedByItsReaderAlone(String family, String inside, String reader) throws IOException {
        int checkpoints = 0;
        try (Stream<Path> cases = Files.list(FIXTURES.resolve(family))) {
            for (Path one : cases.filter(Files::isDirectory).sorted().toList()) {
                Path checkpoint = inside.isEmpty() ? one : one.resolve(inside);
                boolean isCase = Files.isDirectory(checkpoint) && Files.exists(one.resolve("expected.json"));
                boolean isHuggingFace = one.getFileName().toString().startsWith("hf_");
                if (isCase) {
                    assertEquals(
                            List.of(isHuggingFace ? "safetensors" : reader), claims(checkpoint), checkpoint.toString());
                    checkpoints++;
                }
            }
        }
        assertTrue(checkpoints > 0);
    }

    private static List<String> claims(Path path) throws IOException {
        List<String> names = new ArrayList<>();
        for (SourceReader reader : READERS) {
            FoundSource found = reader.find(path);
            if (found != null) {
                assertFalse(found.evidence().isEmpty(), reader.name());
                names.add(reader.name());
            }
        }
        return names;
    }

    @Test
    void aSaveOfMegatronWithoutItsMetadataIsSaidToLackThem() throws IOException {
        try (Stream<Path> files = Files.list(FIXTURES.resolve("megatron/gpt_tp2_pp1/checkpoint"))) {
            for (Path file :
                    files.filter(file -> !file.endsWith("metadata.json")).toList()) {
                Files.copy(file, directory.resolve(file.getFileName().toString()));
            }
        }
        try (FileCache cache = new FileCache();
                Catalog catalog = Sources.open(directory, SourceOptions.NONE, cache)) {
            assertEquals("dcp.common", catalog.findings().getFirst().code());
        }
    }

    @Test
    void whatTwoReadersClaimIsReadOnlyByName() throws IOException {
        Files.copy(
                FIXTURES.resolve("safetensors/unaligned_header/checkpoint/model.safetensors"),
                directory.resolve("model.safetensors"));
        Files.copy(FIXTURES.resolve("torch/protocol4/model.pt"), directory.resolve("pytorch_model.bin"));
        try (FileCache cache = new FileCache()) {
            IOException refusal =
                    assertThrows(SourceException.class, () -> Sources.open(directory, SourceOptions.NONE, cache));
            assertTrue(refusal.getMessage().contains("safetensors (a file named model.safetensors)"));
            assertTrue(refusal.getMessage().contains("--source NAME"));
            for (String name : List.of("safetensors", "torchsave")) {
                try (var catalog = Sources.open(directory, new SourceOptions(name, null), cache)) {
                    assertEquals(name, catalog.findFact("source"));
                }
            }
        }
    }

    @Test
    void whatNobodyClaimsIsRefused() throws IOException {
        Files.writeString(directory.resolve("notes.txt"), "nothing");
        try (FileCache cache = new FileCache()) {
            for (Path path : List.of(directory, directory.resolve("notes.txt"))) {
                IOException refusal =
                        assertThrows(SourceException.class, () -> Sources.open(path, SourceOptions.NONE, cache));
                assertTrue(refusal.getMessage().contains("no checkpoint that a reader knows"), refusal.getMessage());
            }
        }
    }

    @Test
    void severalFilesOfTorchSaveAreToldFromNone() throws IOException {
        Path file = FIXTURES.resolve("torch/protocol4/model.pt");
        Files.copy(file, directory.resolve("epoch_1.pt"));
        Files.copy(file, directory.resolve("epoch_2.pt"));
        try (FileCache cache = new FileCache()) {
            for (String name : new String[] {null, "torchsave"}) {
                IOException refusal = assertThrows(
                        SourceException.class, () -> Sources.open(directory, new SourceOptions(name, null), cache));
                assertTrue(refusal.getMessage().contains("several files of torch.save"), refusal.getMessage());
                assertTrue(refusal.getMessage().contains("epoch_1.pt, epoch_2.pt"), refusal.getMessage());
            }
        }
    }
}
