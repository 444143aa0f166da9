package org.trencadis.source.torchsave;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.Progress;
import org.trencadis.TensorFilter;
import org.trencadis.damage.Heap;
import org.trencadis.format.FormatException;
import org.trencadis.index.CatalogException;
import org.trencadis.source.ExpectedTensors;
import org.trencadis.source.SourceException;
import org.trencadis.storage.StorageException;
import tools.jackson.databind.JsonNode;

/** Files made to run code or to exhaust memory, read as checkpoints: refused in one message, or inert. */
class HostileCheckpointsTest {
    private static final Path HOSTILE = Path.of("src/test/resources/fixtures/torch/hostile");
    /** What one file may cost on the heap; the largest is 200 KB. */
    private static final long MAX_ALLOCATED_BYTES = 128L << 20;

    @TempDir
    Path directory;

    static Collection<String> files() throws IOException {
        return manifest().propertyNames();
    }

    private static JsonNode manifest() throws IOException {
        return ExpectedTensors.read(HOSTILE.resolve("manifest.json"));
    }

    @ParameterizedTest
    @MethodSource("files")
    void hostileCheckpointIsRefusedOrInert(String name) throws IOException {
        String must = manifest().get(name).get("must").asString();
        boolean isBare = name.endsWith(".pkl");
        Path file = isBare ? archive(Files.readAllBytes(HOSTILE.resolve(name))) : HOSTILE.resolve(name);
        long before = Heap.allocatedBytes();
        boolean refused = isRefused(file);
        assertTrue(Heap.allocatedBytes() - before < MAX_ALLOCATED_BYTES);
        if (must.equals("refuse") || must.startsWith("refuse;") || must.startsWith("refuse (")) {
            assertTrue(refused);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"build_unknown_class.pt", "cycle_in_dict.pt", "crc_wrong.pt"})
    void tensorBesideWhatIsInertIsRead(String name) throws IOException {
        Map<String, String> tensors = ExpectedTensors.ofCheckpoint(HOSTILE.resolve(name));
        assertEquals(1, tensors.size(), tensors.toString());
        assertTrue(tensors.containsKey("w"), tensors.toString());
    }

    private static boolean isRefused(Path file) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(file, OpenOptions.NONE)) {
            checkpoint.catalog().checkStructure();
            checkpoint.catalog().attachments();
            checkpoint.flatDigests(TensorFilter.ALL, Progress.NONE);
            return false;
        } catch (FormatException | SourceException | CatalogException | StorageException e) {
            return true;
        }
    }

    @Test
    void barePickleIsNoCheckpoint() {
        assertThrows(SourceException.class, () -> Checkpoint.open(HOSTILE.resolve("cycle.pkl"), OpenOptions.NONE));
    }

    /** A shared list that holds a tensor, in a shared list, and so on: ten ways at each of 60 levels. */
    @Test
    void tensorsOnTooManyWaysAreRefused() throws IOException {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2});
        pickle.writeBytes(tensor());
        pickle.writeBytes(new byte[] {'q', 0});
        for (int level = 1; level <= 60; level++) {
            pickle.writeBytes(new byte[] {'0', ']', 'q', (byte) level, '('});
            for (int i = 0; i < 10; i++) {
                pickle.writeBytes(new byte[] {'h', (byte) (level - 1)});
            }
            pickle.write('e');
        }
        pickle.write('.');
        Path file = archive(pickle.toByteArray());
        IOException refusal = assertThrows(SourceException.class, () -> Checkpoint.open(file, OpenOptions.NONE));
        assertTrue(refusal.getMessage().contains("too many ways"), refusal.getMessage());
    }

    /** A text of 1 MB and 20,000 references to it: 20 GB as values. */
    @Test
    void repeatedTextIsNotKept() throws IOException {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2, '}', '(', 'X', 1, 0, 0, 0, 'w'});
        pickle.writeBytes(tensor());
        pickle.writeBytes(new byte[] {'X', 1, 0, 0, 0, 'a', ']', '(', 'X', 0, 0, 16, 0});
        pickle.writeBytes("x".repeat(1 << 20).getBytes(StandardCharsets.US_ASCII));
        pickle.writeBytes(new byte[] {'q', 0});
        for (int i = 0; i < 20_000; i++) {
            pickle.writeBytes(new byte[] {'h', 0});
        }
        pickle.writeBytes(new byte[] {'e', 'u', '.'});
        Path file = archive(pickle.toByteArray());
        try (Checkpoint checkpoint = Checkpoint.open(file, OpenOptions.NONE)) {
            assertEquals(1, checkpoint.catalog().tensorCount());
            assertEquals(
                    "torchsave.not-kept",
                    checkpoint.catalog().findings().getFirst().code());
        }
    }

    @Test
    void keysThatLookAlikeAreRefused() throws IOException {
        ByteArrayOutputStream pickle = new ByteArrayOutputStream();
        pickle.writeBytes(new byte[] {(byte) 0x80, 2, '}', '(', 'X', 1, 0, 0, 0, '5'});
        pickle.writeBytes(tensor());
        pickle.writeBytes(new byte[] {'K', 5});
        pickle.writeBytes(tensor());
        pickle.writeBytes(new byte[] {'u', '.'});
        Path file = archive(pickle.toByteArray());
        IOException refusal = assertThrows(SourceException.class, () -> Checkpoint.open(file, OpenOptions.NONE));
        assertTrue(refusal.getMessage().contains("path 5"), refusal.getMessage());
    }

    /** The call that rebuilds a float32 tensor of two elements in record data/0. */
    private static byte[] tensor() {
        ByteArrayOutputStream call = new ByteArrayOutputStream();
        call.writeBytes("ctorch._utils\n_rebuild_tensor_v2\n((".getBytes(StandardCharsets.US_ASCII));
        call.writeBytes(new byte[] {'X', 7, 0, 0, 0, 's', 't', 'o', 'r', 'a', 'g', 'e'});
        call.writeBytes("ctorch\nFloatStorage\n".getBytes(StandardCharsets.US_ASCII));
        call.writeBytes(new byte[] {'X', 1, 0, 0, 0, '0', 'X', 3, 0, 0, 0, 'c', 'p', 'u', 'K', 2, 't', 'Q', 'K', 0});
        call.writeBytes(new byte[] {'K', 2, (byte) 0x85, 'K', 1, (byte) 0x85, (byte) 0x89, 'N', 't', 'R'});
        return call.toByteArray();
    }

    /** An archive as torch lays it out, with this pickle and eight bytes of storage. */
    private Path archive(byte[] pickle) throws IOException {
        Path file = directory.resolve("archive.pt");
        try (OutputStream out = Files.newOutputStream(file);
                ZipOutputStream zip = new ZipOutputStream(out)) {
            put(zip, "archive/data.pkl", pickle);
            put(zip, "archive/data/0", new byte[8]);
        }
        return file;
    }

    private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
    }
}
