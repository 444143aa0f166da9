package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.trencadis.codec.Codec;
import org.trencadis.format.ChunkRecord;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatException.Unsupported;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardHeader;
import org.trencadis.format.ShardTrailer;
import org.trencadis.storage.FileLease;

/**
 * What a shard says about its chunks: the chunk table, and the column that finds a chunk by its digest.
 *
 * <p>Everything is checked at open, from private copies. After that entries are read in place, one by one.
 */
final class ShardTable {
    private static final int HEADER_BYTES = ShardHeader.LAYOUT.sizeBytes();
    private static final int TRAILER_BYTES = ShardTrailer.LAYOUT.sizeBytes();
    private static final int ENTRY_BYTES = ChunkRecord.LAYOUT.sizeBytes();
    private static final int STEP_ENTRIES = 4096;
    private static final int STEP_BYTES = 1 << 18;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final FileLease lease;
    private final String resource;
    private final MemorySegment file;
    private byte[] id;
    private long tableOffset;
    private int chunkCount;

    private ShardTable(FileLease lease) {
        this.lease = lease;
        this.resource = lease.file().toString();
        this.file = lease.segment();
    }

    /** Reads and checks header, trailer, table and column of the shard behind {@code lease}. */
    static ShardTable open(FileLease lease) throws IOException {
        ShardTable table = new ShardTable(lease);
        if (lease.sizeBytes() < HEADER_BYTES + TRAILER_BYTES) {
            throw new Truncated(
                    "a shard holds a header and a trailer",
                    HEADER_BYTES + TRAILER_BYTES,
                    lease.sizeBytes(),
                    new Place(table.resource, "shard", 0));
        }
        table.checkHeader();
        table.readTrailer();
        table.checkTable();
        table.checkColumn();
        return table;
    }

    private void checkHeader() throws IOException {
        MemorySegment header = copy(0, HEADER_BYTES);
        long magic = ShardHeader.MAGIC_FIELD.get(header, 0);
        if (magic != ShardHeader.MAGIC) {
            throw new Unsupported(
                    "a shard starts with its magic",
                    Long.toHexString(ShardHeader.MAGIC),
                    Long.toHexString(magic),
                    new Place(resource, "header", 0));
        }
        int crcOffset = ShardHeader.HEADER_CRC.offsetBytes();
        checkCrc("header", 0, crc(header, crcOffset), ShardHeader.HEADER_CRC.getInt(header, 0));
        checkKnown("the format version is known", ShardHeader.VERSION.get(header, 0), FormatLimits.VERSION, 8);
        checkKnown("required features are known", ShardHeader.REQUIRED.get(header, 0), 0, 16);
        ShardHeader.LAYOUT.check(header, 0, name -> lease.sizeBytes(), resource, 0);
    }

    private void checkKnown(String rule, long actual, long expected, long offset) throws Unsupported {
        if (actual != expected) {
            throw new Unsupported(rule, expected, Long.toUnsignedString(actual), new Place(resource, "header", offset));
        }
    }

    private void readTrailer() throws IOException {
        long at = lease.sizeBytes() - TRAILER_BYTES;
        MemorySegment trailer = copy(at, TRAILER_BYTES);
        long magic = ShardTrailer.MAGIC_FIELD.get(trailer, 0);
        long declared = ShardTrailer.FILE_BYTES.get(trailer, 0);
        if (magic != ShardTrailer.MAGIC && declared != lease.sizeBytes()) {
            throw new Truncated(
                    "a shard ends with its trailer",
                    Long.toHexString(ShardTrailer.MAGIC),
                    Long.toHexString(magic),
                    new Place(resource, "trailer", at));
        }
        int crcOffset = ShardTrailer.TRAILER_CRC.offsetBytes();
        checkCrc("trailer", at, crc(trailer, crcOffset), ShardTrailer.TRAILER_CRC.getInt(trailer, 0));
        ShardTrailer.LAYOUT.check(trailer, 0, name -> lease.sizeBytes(), resource, at);
        tableOffset = ShardTrailer.TABLE_OFFSET.get(trailer, 0);
        long chunks = ShardTrailer.CHUNK_COUNT.get(trailer, 0);
        long expected = ShardTrailer.fileBytes(tableOffset, chunks);
        int tableField = ShardTrailer.TABLE_OFFSET.offsetBytes();
        checkTrailer("payload, table, column and trailer fill the shard", tableField, lease.sizeBytes(), expected, at);
        int bytesField = ShardTrailer.FILE_BYTES.offsetBytes();
        checkTrailer("a shard has the length its trailer declares", bytesField, lease.sizeBytes(), declared, at);
        chunkCount = (int) chunks;
        long columnEnd = ShardTrailer.columnOffset(tableOffset, chunks) + 4 * chunks;
        checkZeros("the gap before the trailer is zero", columnEnd, at);
        id = ShardTrailer.ID.get(trailer, 0);
        long fanOut = ShardTrailer.fanOutOffset(tableOffset, chunkCount);
        int columnCrc = crcOfFile(fanOut, 4L * ShardTrailer.FAN_OUT_ENTRIES + 4L * chunkCount);
        checkCrc("fan-out and column", fanOut, columnCrc, ShardTrailer.COLUMN_CRC.getInt(trailer, 0));
    }

    private void checkZeros(String rule, long from, long end) throws IOException {
        byte[] step = new byte[(int) Math.min(STEP_BYTES, end - from)];
        for (long done = from; done < end; done += step.length) {
            int count = (int) Math.min(step.length, end - done);
            lease.read(done, MemorySegment.ofArray(step), 0, count);
            for (int i = 0; i < count; i++) {
                if (step[i] != 0) {
                    throw new Corrupt(rule, 0, Byte.toUnsignedInt(step[i]), new Place(resource, "gap", done + i));
                }
            }
        }
    }

    /** Checks that nothing stands between header, chunks and table. */
    void checkGaps() throws IOException {
        long end = HEADER_BYTES;
        for (int ordinal = 0; ordinal < chunkCount; ordinal++) {
            ShardFile.Chunk chunk = chunk(ordinal);
            checkZeros("gaps between chunks are zero", end, chunk.offsetBytes());
            end = chunk.endBytes();
        }
        checkZeros("gaps between chunks are zero", end, tableOffset);
    }

    private void checkTrailer(String rule, int field, long expected, long actual, long at) throws Corrupt {
        if (actual != expected) {
            throw ShardTrailer.LAYOUT.fault(field, at, rule, expected, actual, resource);
        }
    }

    private int crcOfFile(long from, long bytes) throws IOException {
        CRC32C crc = new CRC32C();
        byte[] step = new byte[(int) Math.min(bytes, STEP_BYTES)];
        for (long done = 0; done < bytes; done += step.length) {
            int count = (int) Math.min(step.length, bytes - done);
            lease.read(from + done, MemorySegment.ofArray(step), 0, count);
            crc.update(step, 0, count);
        }
        return (int) crc.getValue();
    }

    private void checkTable() throws IOException {
        java.security.MessageDigest digest = Digests.sha256();
        byte[] step = new byte[Math.min(chunkCount, STEP_ENTRIES) * ENTRY_BYTES];
        MemorySegment entries = MemorySegment.ofArray(step);
        long end = HEADER_BYTES;
        for (int first = 0; first < chunkCount; first += STEP_ENTRIES) {
            int count = Math.min(STEP_ENTRIES, chunkCount - first);
            lease.read(entryOffset(first), entries, 0, (long) count * ENTRY_BYTES);
            digest.update(step, 0, count * ENTRY_BYTES);
            for (int i = 0; i < count; i++) {
                end = checkEntry(entries, (long) i * ENTRY_BYTES, entryOffset(first + i), end);
            }
        }
        byte[] actual = digest.digest();
        if (!Arrays.equals(actual, id)) {
            throw new Corrupt(
                    "a shard's id is the SHA-256 of its chunk table",
                    hex(id),
                    hex(actual),
                    new Place(resource, "chunk table", tableOffset));
        }
    }

    /** Checks one entry that must start at {@code end} of the previous chunk or later; returns its own end. */
    private long checkEntry(MemorySegment entries, long base, long at, long end) throws Corrupt {
        ChunkRecord.LAYOUT.check(entries, base, name -> tableOffset, resource, at);
        long offset = ChunkRecord.OFFSET_BYTES.get(entries, base);
        long stored = ChunkRecord.STORED_BYTES.get(entries, base);
        long decoded = ChunkRecord.DECODED_BYTES.get(entries, base);
        if (offset < end || stored > tableOffset - offset) {
            throw ChunkRecord.LAYOUT.fault(
                    ChunkRecord.OFFSET_BYTES.offsetBytes(),
                    at,
                    "chunks lie in the payload, in order and apart",
                    "from " + end + " to " + tableOffset,
                    offset + " + " + stored,
                    resource);
        }
        boolean raw = ChunkRecord.CODEC.get(entries, base) == Codec.RAW.code();
        if (raw ? stored != decoded : stored >= decoded) {
            throw ChunkRecord.LAYOUT.fault(
                    ChunkRecord.STORED_BYTES.offsetBytes(),
                    at,
                    "a chunk is stored raw where encoding does not shrink it",
                    (raw ? "" : "below ") + decoded + " bytes",
                    stored,
                    resource);
        }
        return offset + stored;
    }

    private void checkColumn() throws IOException {
        int[] counts = new int[ShardTrailer.FAN_OUT_ENTRIES];
        byte[] before = null;
        int beforeOrdinal = -1;
        for (int position = 0; position < chunkCount; position++) {
            int ordinal = column(position);
            long at = ShardTrailer.columnOffset(tableOffset, chunkCount) + 4L * position;
            byte[] digest = ordinal >= 0 && ordinal < chunkCount ? digest(ordinal) : null;
            int order = before == null || digest == null ? -1 : Arrays.compareUnsigned(before, digest);
            if (digest == null || order > 0 || order == 0 && beforeOrdinal >= ordinal) {
                throw new Corrupt(
                        "the column orders all chunks by digest",
                        "an ordinal after " + beforeOrdinal,
                        Integer.toUnsignedString(ordinal),
                        new Place(resource, "column", at));
            }
            counts[Byte.toUnsignedInt(digest[0])]++;
            before = digest;
            beforeOrdinal = ordinal;
        }
        int sum = 0;
        for (int first = 0; first < counts.length; first++) {
            sum += counts[first];
            long at = ShardTrailer.fanOutOffset(tableOffset, chunkCount) + 4L * first;
            checkEqual("the fan-out counts the column", sum, fanOut(first), "fan-out", at);
        }
    }

    private void checkEqual(String rule, long expected, long actual, String section, long offset) throws Corrupt {
        if (actual != expected) {
            throw new Corrupt(rule, expected, actual, new Place(resource, section, offset));
        }
    }

    private void checkCrc(String section, long offset, int actual, int declared) throws Corrupt {
        if (actual != declared) {
            throw new Corrupt(
                    "CRC32C of " + section,
                    Integer.toHexString(declared),
                    Integer.toHexString(actual),
                    new Place(resource, section, offset));
        }
    }

    private static int crc(MemorySegment record, int bytes) {
        CRC32C crc = new CRC32C();
        crc.update(record.toArray(ValueLayout.JAVA_BYTE), 0, bytes);
        return (int) crc.getValue();
    }

    private MemorySegment copy(long from, int bytes) throws IOException {
        MemorySegment copy = MemorySegment.ofArray(new byte[bytes]);
        lease.read(from, copy, 0, bytes);
        return copy;
    }

    private static String hex(byte[] digest) {
        return java.util.HexFormat.of().formatHex(digest);
    }

    byte[] id() {
        return id.clone();
    }

    int chunkCount() {
        return chunkCount;
    }

    /** Where the chunk table starts: the end of the payload. */
    long tableOffset() {
        return tableOffset;
    }

    private long entryOffset(int ordinal) {
        return tableOffset + (long) ordinal * ENTRY_BYTES;
    }

    /**
     * The chunk at {@code ordinal}.
     *
     * @throws FormatException where there is none, or it is not the one that was checked
     */
    ShardFile.Chunk chunk(long ordinal) throws FormatException {
        if (ordinal < 0 || ordinal >= chunkCount) {
            throw new Corrupt(
                    "a chunk is in its shard",
                    "below " + chunkCount,
                    ordinal,
                    new Place(resource, "chunk table", tableOffset));
        }
        long at = entryOffset((int) ordinal);
        checkEntry(file, at, at, HEADER_BYTES);
        return new ShardFile.Chunk(
                (int) ordinal,
                ChunkRecord.OFFSET_BYTES.get(file, at),
                (int) ChunkRecord.STORED_BYTES.get(file, at),
                (int) ChunkRecord.DECODED_BYTES.get(file, at),
                ChunkRecord.CRC.getInt(file, at),
                Codec.find(ChunkRecord.CODEC.get(file, at)));
    }

    byte[] digest(int ordinal) {
        return ChunkRecord.DIGEST.get(file, entryOffset(ordinal));
    }

    private int fanOut(int first) {
        return file.get(INT, ShardTrailer.fanOutOffset(tableOffset, chunkCount) + 4L * first);
    }

    private int column(int position) {
        return file.get(INT, ShardTrailer.columnOffset(tableOffset, chunkCount) + 4L * position);
    }

    /** Ordinals of the chunks with this digest, ascending. */
    int[] find(byte[] digest) {
        int bucket = Byte.toUnsignedInt(digest[0]);
        int low = bucket == 0 ? 0 : fanOut(bucket - 1);
        int high = fanOut(bucket);
        int end = high;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (Arrays.compareUnsigned(digest(column(middle)), digest) < 0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        int from = low;
        while (low < end && Arrays.equals(digest(column(low)), digest)) {
            low++;
        }
        int[] found = new int[low - from];
        for (int i = 0; i < found.length; i++) {
            found[i] = column(from + i);
        }
        return found;
    }
}
