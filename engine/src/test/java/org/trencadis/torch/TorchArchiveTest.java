package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.tensor.Dtype;

final class TorchArchiveTest {
    /** Where the 40 digits lie that torch makes of everything and we of the pickle. */
    private static final String ID = "/.data/serialization_id";

    @Test
    void aTensorInADictionaryIsTheFileThatTorchWrites() throws IOException {
        byte[] real = resource("exp_avg.pt");
        byte[] payload = java.util.Arrays.copyOfRange(real, 704, 708);
        Pickler pickler = new Pickler();
        pickler.dict(2, () -> {
            pickler.text("cat_dim");
            pickler.integer(0);
            pickler.text("param");
            pickler.tensor(Dtype.FLOAT32, new long[] {1}, bytes(payload));
        });
        assertSameButId(real, sequential(TorchArchive.plan("exp_avg", pickler)), "exp_avg");
    }

    @Test
    void aScalarIsTheFileThatTorchWrites() throws IOException {
        byte[] real = resource("step.pt");
        Pickler pickler = new Pickler();
        pickler.tensor(Dtype.FLOAT32, new long[0], bytes(new byte[] {0, 0, 0x40, 0x40}));
        assertSameButId(real, sequential(TorchArchive.plan("step", pickler)), "step");
    }

    @Test
    void anyRangeHasTheBytesOfTheWholeBesideChecksums() throws IOException {
        TorchArchive archive = TorchArchive.plan("ranges", several());
        byte[] whole = range(archive, 0, archive.sizeBytes());
        Random random = new Random(4);
        for (int i = 0; i < 2000; i++) {
            int from = random.nextInt(whole.length);
            int bytes = random.nextInt(Math.min(300, whole.length - from) + 1);
            assertArrayEquals(
                    java.util.Arrays.copyOfRange(whole, from, from + bytes),
                    range(archive, from, bytes),
                    "from " + from);
        }
    }

    @Test
    void theJdkReadsTheArchiveAndItsChecksums(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("several.pt");
        Files.write(file, sequential(TorchArchive.plan("several", several())));
        try (ZipFile zip = new ZipFile(file.toFile())) {
            assertEquals(11, zip.size());
            for (int i = 0; i < 5; i++) {
                ZipEntry entry = zip.getEntry("several/data/" + i);
                byte[] content = zip.getInputStream(entry).readAllBytes();
                java.util.zip.CRC32 crc = new java.util.zip.CRC32();
                crc.update(content);
                assertEquals(crc.getValue(), entry.getCrc());
                assertArrayEquals(numbered(i, content.length), content);
            }
            assertEquals(
                    "3\n",
                    new String(
                            zip.getInputStream(zip.getEntry("several/version")).readAllBytes(),
                            StandardCharsets.US_ASCII));
        }
    }

    @Test
    void tensorsOfOneSourceShareItsStorage() throws IOException {
        StorageBytes source = bytes(numbered(1, 12));
        Pickler pickler = new Pickler();
        pickler.list(3, () -> {
            pickler.tensor(Dtype.FLOAT32, new long[] {3}, source);
            pickler.tensor(Dtype.FLOAT32, new long[] {3, 1}, source);
            pickler.tensor(Dtype.FLOAT32, new long[] {3}, bytes(numbered(1, 12)));
        });
        assertEquals(2, pickler.storages().size());
    }

    /** Sizes and offsets are those of the file that torch wrote for the same value. */
    @Test
    void largeStoragesAndOffsetsUseZip64AsTorchDoes() throws IOException {
        long large = (1L << 32) + 5;
        Pickler pickler = new Pickler();
        pickler.list(4, () -> {
            for (long bytes : new long[] {3, large, 4, 0}) {
                pickler.tensor(Dtype.UINT8, new long[] {bytes}, (offset, target) -> target.fill((byte) 7));
            }
        });
        TorchArchive archive = TorchArchive.plan("big", pickler);
        assertEquals(4294969537L, archive.sizeBytes());
        assertArrayEquals(new byte[] {'Z', 7}, range(archive, 959, 2));
        assertEquals(7, range(archive, 4294968261L - 1, 1)[0]);
        assertEquals(0x08074B50, intAt(archive, 4294968261L));
        assertEquals(0x04034B50, intAt(archive, 4294968285L));
        assertArrayEquals(new byte[] {7, 7, 7, 7}, range(archive, 4294968384L, 4));
        assertEquals(0x08074B50, intAt(archive, 4294968388L));
        assertEquals(0x04034B50, intAt(archive, 4294968412L));
        assertEquals('3', range(archive, 4294968576L, 1)[0]);
        assertEquals(0x06054B50, intAt(archive, archive.sizeBytes() - 22));
    }

    private static Pickler several() throws IOException {
        Pickler pickler = new Pickler();
        pickler.orderedDict(5, () -> {
            long[] sizes = {0, 100, 64, 1, 0};
            for (int i = 0; i < sizes.length; i++) {
                pickler.text("tensor " + i);
                pickler.tensor(Dtype.INT8, new long[] {sizes[i]}, bytes(numbered(i, (int) sizes[i])));
            }
        });
        return pickler;
    }

    private static byte[] numbered(int seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static StorageBytes bytes(byte[] bytes) {
        MemorySegment source = MemorySegment.ofArray(bytes);
        return (offset, target) -> MemorySegment.copy(source, offset, target, 0, target.byteSize());
    }

    private static int intAt(TorchArchive archive, long offset) throws IOException {
        return MemorySegment.ofArray(range(archive, offset, 4))
                .get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(java.nio.ByteOrder.LITTLE_ENDIAN), 0);
    }

    private static byte[] range(TorchArchive archive, long offset, long bytes) throws IOException {
        byte[] target = new byte[Math.toIntExact(bytes)];
        archive.read(offset, MemorySegment.ofArray(target));
        return target;
    }

    /** In pieces of seven bytes, so that every structure is cut somewhere. */
    private static byte[] sequential(TorchArchive archive) throws IOException {
        byte[] target = new byte[Math.toIntExact(archive.sizeBytes())];
        TorchArchive.Sequential pass = archive.sequential();
        while (pass.remainingBytes() > 0) {
            long at = target.length - pass.remainingBytes();
            pass.next(MemorySegment.ofArray(target).asSlice(at, Math.min(7, pass.remainingBytes())));
        }
        return target;
    }

    private static void assertSameButId(byte[] expected, byte[] actual, String name) throws IOException {
        assertEquals(expected.length, actual.length);
        String text = new String(expected, StandardCharsets.ISO_8859_1);
        int header = text.indexOf(name + ID);
        int content = header + 1;
        while (!text.substring(content, content + 8).matches("[0-9]{8}")) {
            content++;
        }
        int directory = text.lastIndexOf(name + ID);
        for (int i = 0; i < expected.length; i++) {
            boolean isId = i >= content && i < content + 40;
            boolean isChecksumOfId = i >= content + 44 && i < content + 48 || i >= directory - 30 && i < directory - 26;
            assertTrue(isId || isChecksumOfId || expected[i] == actual[i], "byte " + i);
        }
    }

    private static byte[] resource(String name) throws IOException {
        return Files.readAllBytes(Path.of("src/test/resources/fixtures/torch").resolve(name));
    }
}
