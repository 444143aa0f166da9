package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.trencadis.codec.Codec;
import org.trencadis.format.ChunkRecord;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.ShardTrailer;
import org.trencadis.storage.FileLease;

/**
 * What a shard says about its chunks: the chunk table, and the column that finds a chunk by its digest.
 *
 * <p>{@link ShardEnds} and {@link ShardTableCheck} check everything at open, from private copies. After that entries are
 * read in place, one by one.
 */
final class ShardTable {
    static final int ENTRY_BYTES = ChunkRecord.LAYOUT.sizeBytes();
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String resource;
    private final MemorySegment file;
    private final byte[] id;
    private final long tableOffset;
    private final int chunkCount;

    private ShardTable(FileLease lease, ShardEnds ends) {
        this.resource = lease.file().toString();
        this.file = lease.segment();
        this.id = ends.id();
        this.tableOffset = ends.tableOffset();
        this.chunkCount = ends.chunkCount();
    }

    /** Reads and checks header, trailer, table and column of the shard behind {@code lease}. */
    static ShardTable open(FileLease lease) throws IOException {
        ShardTable table = new ShardTable(lease, ShardEnds.read(lease));
        ShardTableCheck check = new ShardTableCheck(lease, table);
        check.checkTable();
        check.checkColumn();
        return table;
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

    long entryOffset(int ordinal) {
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
        checkEntry(file, at, at, ShardEnds.HEADER_BYTES);
        return new ShardFile.Chunk(
                (int) ordinal,
                ChunkRecord.OFFSET_BYTES.get(file, at),
                (int) ChunkRecord.STORED_BYTES.get(file, at),
                (int) ChunkRecord.DECODED_BYTES.get(file, at),
                ChunkRecord.CRC.getInt(file, at),
                Codec.find(ChunkRecord.CODEC.get(file, at)));
    }

    /** Checks one entry that must start at {@code end} of the previous chunk or later; returns its own end. */
    long checkEntry(MemorySegment entries, long base, long at, long end) throws Corrupt {
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

    byte[] digest(int ordinal) {
        return ChunkRecord.DIGEST.get(file, entryOffset(ordinal));
    }

    /** How many digests start with a byte of at most {@code first}. */
    int fanOut(int first) {
        return file.get(INT, ShardTrailer.fanOutOffset(tableOffset, chunkCount) + 4L * first);
    }

    /** The ordinal of the chunk at {@code position} in the order of digests. */
    int column(int position) {
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
