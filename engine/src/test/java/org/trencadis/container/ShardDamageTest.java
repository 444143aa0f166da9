package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.codec.Codec;
import org.trencadis.damage.Corruption;
import org.trencadis.damage.Corruption.Edit;
import org.trencadis.format.ChunkRecord;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatHeader;
import org.trencadis.format.ShardHeader;
import org.trencadis.format.ShardTrailer;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;

/** The damage matrix of shards and of the FORMAT file. */
class ShardDamageTest {
    private static final int HEADER = ShardHeader.LAYOUT.sizeBytes();
    private static final int ENTRY = ChunkRecord.LAYOUT.sizeBytes();
    private static final int TRAILER = ShardTrailer.LAYOUT.sizeBytes();
    private static final int CHUNKS = 3;

    /** Where a change shows that its own rule cannot see. */
    private static final Map<String, Set<String>> FOUND_ELSEWHERE = Map.of(
            "ChunkRecord.storedBytes", Set.of("ChunkRecord.offsetBytes"),
            "ChunkRecord.decodedBytes", Set.of("ChunkRecord.storedBytes"),
            "ChunkRecord.codec", Set.of("ChunkRecord.storedBytes"),
            "ShardTrailer.chunkCount", Set.of("ShardTrailer.tableOffsetBytes"),
            "ShardTrailer.tableOffsetBytes", Set.of("fan-out and column", "gap"));

    /** What only the bytes of the chunks could tell, and what a reader passes over. */
    private static final Set<String> MAY_BE_LEGAL = new TreeSet<>(Set.of(
            "ShardHeader.optionalFeatures",
            "ChunkRecord.digest",
            "ChunkRecord.offsetBytes",
            "ChunkRecord.crc",
            "ChunkRecord.storedBytes",
            "ChunkRecord.decodedBytes",
            "ChunkRecord.codec"));

    @TempDir
    Path directory;

    private FileCache cache;
    private byte[] file;
    private int table;
    private Corruption corruption;

    @BeforeEach
    void damage() {
        cache = new FileCache();
        file = shard();
        table = file.length - tailBytes();
        corruption = new Corruption(file);
        corruption.addRecords(ShardHeader.LAYOUT, 0, 1);
        corruption.addRecords(ChunkRecord.LAYOUT, table, CHUNKS);
        corruption.addRecords(ShardTrailer.LAYOUT, file.length - TRAILER, 1);
    }

    @AfterEach
    void close() {
        cache.close();
    }

    private static int tailBytes() {
        return (int) ShardTrailer.fileBytes(0, CHUNKS);
    }

    /** Three chunks of 100 bytes, 64-aligned; the second one says that it is encoded. */
    private static byte[] shard() {
        ShardTail tail = new ShardTail(CHUNKS);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(ShardTail.header().array());
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            byte[] bytes = new byte[100];
            Arrays.fill(bytes, (byte) (chunk + 1));
            tail.set(
                    chunk,
                    out.size(),
                    100,
                    chunk == 1 ? 300 : 100,
                    chunk == 1 ? Codec.LZ4 : Codec.RAW,
                    crc(bytes, 0, bytes.length),
                    Digests.sha256().digest(bytes));
            out.writeBytes(bytes);
            out.writeBytes(new byte[28]);
        }
        ByteBuffer rest = tail.encode(CHUNKS, out.size());
        out.write(rest.array(), 0, rest.limit());
        return out.toByteArray();
    }

    private void open(byte[] shard) throws IOException {
        byte[] id = ShardTrailer.ID.get(MemorySegment.ofArray(shard), shard.length - TRAILER);
        Path path = directory.resolve(ShardFile.fileName(id));
        Files.write(path, shard);
        try (ShardFile opened = ShardFile.open(path, cache)) {
            assertEquals(CHUNKS, opened.chunkCount());
        } finally {
            Files.delete(path);
        }
    }

    /** Makes id, column and checksums of a shard of this form right again, without the writer that is tested. */
    private void sign(byte[] shard) {
        MemorySegment segment = MemorySegment.ofArray(shard);
        int trailer = shard.length - TRAILER;
        byte[] entries = Arrays.copyOfRange(shard, table, table + CHUNKS * ENTRY);
        ShardTrailer.ID.set(segment, trailer, Digests.sha256().digest(entries));
        ByteBuffer column =
                ByteBuffer.wrap(shard).order(ByteOrder.LITTLE_ENDIAN).position(table + CHUNKS * ENTRY);
        int start = column.position();
        List<byte[]> digests = IntStream.range(0, CHUNKS)
                .mapToObj(chunk -> Arrays.copyOfRange(entries, chunk * ENTRY, chunk * ENTRY + 32))
                .toList();
        for (int first = 0; first < 256; first++) {
            int most = first;
            column.putInt((int) digests.stream()
                    .filter(digest -> Byte.toUnsignedInt(digest[0]) <= most)
                    .count());
        }
        IntStream.range(0, CHUNKS)
                .boxed()
                .sorted(Comparator.<Integer, byte[]>comparing(digests::get, Arrays::compareUnsigned)
                        .thenComparing(Comparator.naturalOrder()))
                .forEach(column::putInt);
        ShardTrailer.COLUMN_CRC.set(
                segment, trailer, Integer.toUnsignedLong(crc(shard, start, column.position() - start)));
        ShardTrailer.TRAILER_CRC.set(
                segment, trailer, Integer.toUnsignedLong(crc(shard, trailer, ShardTrailer.TRAILER_CRC.offsetBytes())));
        ShardHeader.HEADER_CRC.set(
                segment, 0, Integer.toUnsignedLong(crc(shard, 0, ShardHeader.HEADER_CRC.offsetBytes())));
    }

    private static int crc(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return (int) crc.getValue();
    }

    @Test
    void theShardIsSoundAndEditsAreMany() throws IOException {
        open(file);
        byte[] signed = file.clone();
        sign(signed);
        assertEquals(-1, Arrays.mismatch(file, signed));
        assertTrue(
                corruption.edits().size() > 120, "edits: " + corruption.edits().size());
    }

    @Test
    void anEditAloneIsFoundAtOpen() {
        Set<String> sections = new TreeSet<>();
        for (Edit edit : corruption.edits()) {
            FormatException fault = assertThrows(FormatException.class, () -> open(edit.bytes()), edit::toString);
            if (edit.name().equals("ShardHeader.magic")) {
                assertEquals(Unsupported.class, fault.getClass());
                assertEquals(0, fault.place().offsetBytes());
                continue;
            }
            assertEquals(Corrupt.class, fault.getClass(), edit + ": " + fault.getMessage());
            sections.add(fault.place().section());
            if (edit.recordOffset() != table && edit.layout() != ChunkRecord.LAYOUT) {
                boolean header = edit.offset() < HEADER;
                assertEquals(header ? "header" : "trailer", fault.place().section(), edit::toString);
                assertEquals(header ? 0 : file.length - TRAILER, fault.place().offsetBytes(), edit::toString);
                assertEquals("CRC32C of " + fault.place().section(), fault.rule());
            }
        }
        assertTrue(sections.contains("chunk table"), sections.toString());
    }

    @Test
    void anEditWithItsChecksRedoneBreaksARule() throws IOException {
        Set<String> legal = new TreeSet<>();
        int refused = 0;
        for (Edit edit : corruption.edits()) {
            byte[] damaged = edit.bytes().clone();
            sign(damaged);
            if (Arrays.equals(damaged, file)) {
                assertTrue(edit.name().endsWith("Crc") || edit.name().equals("ShardTrailer.id"), edit::toString);
                continue;
            }
            try {
                open(damaged);
                assertTrue(MAY_BE_LEGAL.contains(edit.name()), edit + " was not noticed");
                legal.add(edit.name());
            } catch (FormatException e) {
                refused++;
                checkFault(edit, e);
            }
        }
        assertEquals(MAY_BE_LEGAL, legal);
        assertTrue(refused > 70, "refused: " + refused);
    }

    private static void checkFault(Edit edit, FormatException fault) {
        String message = edit + ": " + fault.getMessage();
        switch (edit.name()) {
            case "ShardHeader.magic", "ShardHeader.version", "ShardHeader.requiredFeatures" -> {
                assertEquals(Unsupported.class, fault.getClass(), message);
                assertEquals("header", fault.place().section(), message);
                assertEquals(edit.offset(), fault.place().offsetBytes(), message);
            }
            default -> {
                assertEquals(Corrupt.class, fault.getClass(), message);
                String section = fault.place().section();
                boolean itself = section.equals(edit.name());
                assertTrue(
                        itself
                                || FOUND_ELSEWHERE
                                        .getOrDefault(edit.name(), Set.of())
                                        .contains(section),
                        message);
                boolean other = edit.layout() == ChunkRecord.LAYOUT;
                assertTrue(!itself || other || fault.place().offsetBytes() == edit.offset(), message);
            }
        }
    }

    @Test
    void theFormatFileIsSoundOrRefused() throws IOException {
        Path path = directory.resolve("FORMAT");
        FormatFile.write(path);
        byte[] good = Files.readAllBytes(path);
        Corruption edits = new Corruption(good);
        edits.addRecords(FormatHeader.LAYOUT, 0, 1);
        assertTrue(edits.edits().size() > 30, "edits: " + edits.edits().size());
        for (Edit edit : edits.edits()) {
            FormatException fault = assertThrows(FormatException.class, () -> read(edit.bytes()), edit::toString);
            boolean magic = edit.name().equals("FormatHeader.magic");
            assertEquals(magic ? Unsupported.class : Corrupt.class, fault.getClass(), edit::toString);
            assertEquals("header", fault.place().section());
            assertEquals(0, fault.place().offsetBytes());
            checkSignedFormat(edit);
        }
    }

    private void checkSignedFormat(Edit edit) throws IOException {
        byte[] damaged = edit.bytes().clone();
        int crcOffset = FormatHeader.HEADER_CRC.offsetBytes();
        FormatHeader.HEADER_CRC.set(
                MemorySegment.ofArray(damaged), 0, Integer.toUnsignedLong(crc(damaged, 0, crcOffset)));
        switch (edit.name()) {
            case "FormatHeader.headerCrc", "FormatHeader.optionalFeatures", "FormatHeader.uuid" -> read(damaged);
            case "FormatHeader.magic", "FormatHeader.version", "FormatHeader.requiredFeatures" -> {
                Unsupported fault = assertThrows(Unsupported.class, () -> read(damaged), edit::toString);
                assertEquals(edit.offset(), fault.place().offsetBytes());
            }
            default -> {
                Corrupt fault = assertThrows(Corrupt.class, () -> read(damaged), edit::toString);
                assertEquals(edit.name(), fault.place().section());
                assertEquals(edit.offset(), fault.place().offsetBytes());
            }
        }
    }

    private void read(byte[] format) throws IOException {
        Path path = directory.resolve("FORMAT");
        Files.write(path, format);
        FormatFile.read(path, cache);
    }
}
