package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;

final class ZipArchiveTest {
    private static final byte[] CONTENT = "some content".getBytes(StandardCharsets.US_ASCII);

    @TempDir
    Path directory;

    /** What is asked of an archive that is open. */
    private interface Use {
        void of(ZipArchive archive, FileLease lease) throws IOException;
    }

    private void open(byte[] bytes, Use use) throws IOException {
        open(Files.write(directory.resolve("some.pt"), bytes), 0, bytes.length, use);
    }

    private static void open(Path file, long start, long length, Use use) throws IOException {
        try (FileCache cache = new FileCache();
                FileLease lease = cache.lease(file);
                Arena arena = Arena.ofConfined()) {
            use.of(ZipArchive.open(lease, start, length, arena), lease);
        }
    }

    private void assertRefused(byte[] bytes, String rule) {
        FormatException refusal = assertThrows(
                FormatException.class,
                () -> open(bytes, (archive, lease) -> {
                    for (int entry = 0; entry < archive.count(); entry++) {
                        archive.offsetBytes(entry);
                    }
                }));
        assertTrue(refusal.rule().contains(rule), refusal.getMessage());
    }

    private static ZipWriter twoRecords() {
        ZipWriter zip = new ZipWriter();
        zip.add("root/a", CONTENT);
        zip.add("root/b", new byte[100]);
        return zip;
    }

    @Test
    void contentsOfStoredRecordsAreFound() throws IOException {
        open(twoRecords().finish(), (archive, lease) -> {
            long entry = archive.find("a");
            assertEquals(CONTENT.length, archive.sizeBytes(entry));
            assertEquals(0, archive.offsetBytes(entry) % 64);
            assertArrayEquals(CONTENT, archive.findBytes("a", 100));
            assertEquals(-1, archive.find("c"));
            assertNull(archive.findBytes("c", 100));
            assertThrows(Corrupt.class, () -> archive.findBytes("b", 99));
        });
    }

    @Test
    void archiveInsideAFileHasPlacesOfTheFile() throws IOException {
        byte[] zip = twoRecords().finish();
        byte[] file = ByteBuffer.allocate(zip.length + 1000).put(500, zip).array();
        open(Files.write(directory.resolve("some.distcp"), file), 500, zip.length, (archive, lease) -> {
            long at = archive.offsetBytes(archive.find("a"));
            byte[] read = new byte[CONTENT.length];
            lease.read(at, java.lang.foreign.MemorySegment.ofArray(read), 0, read.length);
            assertArrayEquals(CONTENT, read);
        });
    }

    @Test
    void manyRecordsWrittenByTheJdkHave64BitEndRecords() throws IOException {
        int count = 70_000;
        Path file = directory.resolve("many.pt");
        try (OutputStream out = Files.newOutputStream(file);
                ZipOutputStream zip = new ZipOutputStream(new java.io.BufferedOutputStream(out))) {
            zip.setMethod(ZipOutputStream.STORED);
            for (int i = 0; i < count; i++) {
                byte[] content = Integer.toString(i).getBytes(StandardCharsets.US_ASCII);
                CRC32 crc = new CRC32();
                crc.update(content);
                ZipEntry entry = new ZipEntry("many/data/" + i);
                entry.setSize(content.length);
                entry.setCrc(crc.getValue());
                zip.putNextEntry(entry);
                zip.write(content);
            }
        }
        open(file, 0, Files.size(file), (archive, lease) -> {
            assertEquals(count, archive.count());
            for (int i = 0; i < count; i += 7) {
                assertEquals(
                        Integer.toString(i), new String(archive.findBytes("data/" + i, 5), StandardCharsets.US_ASCII));
            }
        });
    }

    @Test
    void orderOfTheDirectoryDoesNotMatter() throws IOException {
        ZipWriter zip = twoRecords();
        zip.add("root/c", new byte[] {1, 2});
        Collections.rotate(zip.entries, 1);
        open(zip.finish(), (archive, lease) -> {
            assertArrayEquals(CONTENT, archive.findBytes("a", 100));
            assertArrayEquals(new byte[] {1, 2}, archive.findBytes("c", 100));
        });
    }

    @Test
    void lengthsAndPlacesOf64BitsAreRead() throws IOException {
        ZipWriter zip = twoRecords();
        ZipWriter.Entry second = zip.entries.get(1);
        second.extra = ZipWriter.buffer(34)
                .putShort((short) 0x4246)
                .putShort((short) 2)
                .putShort((short) 0)
                .putShort((short) 1)
                .putShort((short) 24)
                .putLong(second.sizeBytes)
                .putLong(second.storedBytes)
                .putLong(second.headerOffset)
                .array();
        second.sizeBytes = 0xFFFFFFFFL;
        second.storedBytes = 0xFFFFFFFFL;
        second.headerOffset = 0xFFFFFFFFL;
        open(zip.finish(), (archive, lease) -> assertEquals(100, archive.findBytes("b", 100).length));
    }

    @Test
    void recordThatReachesIntoTheNextIsRefused() {
        ZipWriter zip = twoRecords();
        zip.entries.get(0).sizeBytes += 1000;
        zip.entries.get(0).storedBytes += 1000;
        assertRefused(zip.finish(), "overlap");
        ZipWriter padded = twoRecords();
        // Room enough by the directory, but not behind the record's own padding.
        padded.entries.get(0).sizeBytes += 20;
        padded.entries.get(0).storedBytes += 20;
        assertRefused(padded.finish(), "overlap");
    }

    @Test
    void twoRecordsInOnePlaceAreRefused() {
        ZipWriter zip = twoRecords();
        zip.entries.get(1).headerOffset = 0;
        assertRefused(zip.finish(), "overlap");
    }

    @Test
    void recordWhoseOwnHeaderDisagreesIsRefused() {
        byte[] otherName = twoRecords().finish();
        otherName[30 + 5] = 'z';
        assertRefused(otherName, "own header");
        byte[] noHeader = twoRecords().finish();
        noHeader[0] = 'Q';
        assertRefused(noHeader, "own header");
    }

    @Test
    void compressedEncryptedAndDividedRecordsAreRefused() {
        ZipWriter compressed = twoRecords();
        compressed.entries.get(0).method = 8;
        assertRefused(compressed.finish(), "neither compressed nor encrypted");
        ZipWriter encrypted = twoRecords();
        encrypted.entries.get(0).flags |= 1;
        assertRefused(encrypted.finish(), "neither compressed nor encrypted");
        ZipWriter lengths = twoRecords();
        lengths.entries.get(0).storedBytes--;
        assertRefused(lengths.finish(), "one length");
    }

    @Test
    void namesOutsideOneRootFolderAreRefused() {
        ZipWriter none = new ZipWriter();
        none.add("file", CONTENT);
        assertRefused(none.finish(), "root folder");
        ZipWriter absolute = new ZipWriter();
        absolute.add("/file", CONTENT);
        assertRefused(absolute.finish(), "root folder");
        ZipWriter two = twoRecords();
        two.add("rootier/a", CONTENT);
        assertRefused(two.finish(), "one root folder");
        ZipWriter twice = twoRecords();
        twice.add("root/a", CONTENT);
        assertRefused(twice.finish(), "names of records differ");
    }

    @Test
    void directoryThatIsNotAllOfItsBytesIsRefused() {
        byte[] zip = twoRecords().finish();
        ByteBuffer end = ByteBuffer.wrap(zip).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        int at = zip.length - 22;
        end.putShort(at + 8, (short) 1).putShort(at + 10, (short) 1);
        assertRefused(zip, "as many entries");
        end.putShort(at + 8, (short) 3).putShort(at + 10, (short) 3);
        assertRefused(zip, "");
        end.putShort(at + 8, (short) 0x7FFF).putShort(at + 10, (short) 0x7FFF);
        assertRefused(zip, "describes the whole file");
    }

    @Test
    void bytesAroundTheArchiveAreRefused() {
        byte[] zip = twoRecords().finish();
        byte[] before = ByteBuffer.allocate(zip.length + 3).put(3, zip).array();
        assertRefused(before, "describes the whole file");
        byte[] behind = java.util.Arrays.copyOf(zip, zip.length + 3);
        assertRefused(behind, "ends with its end record");
        ZipWriter commented = twoRecords();
        commented.comment = new byte[] {1, 2, 3};
        assertEquals(zip.length + 3, commented.finish().length);
    }
}
