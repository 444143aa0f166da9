package org.trencadis.container;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;
import org.trencadis.codec.Codec;
import org.trencadis.format.ChunkRecord;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardHeader;
import org.trencadis.format.ShardTrailer;

/** The records of a shard around its payload: header, chunk table, fan-out and column, trailer. */
final class ShardTail {
    private static final int ENTRY_BYTES = ChunkRecord.LAYOUT.sizeBytes();

    private MemorySegment table;

    /** A table with room for {@code slots} chunks. */
    ShardTail(int slots) {
        table = MemorySegment.ofArray(new byte[slots * ENTRY_BYTES]);
    }

    static ByteBuffer header() {
        byte[] record = new byte[ShardHeader.LAYOUT.sizeBytes()];
        MemorySegment segment = MemorySegment.ofArray(record);
        ShardHeader.MAGIC_FIELD.set(segment, 0, ShardHeader.MAGIC);
        ShardHeader.VERSION.set(segment, 0, FormatLimits.VERSION);
        ShardHeader.HEADER_BYTES.set(segment, 0, record.length);
        int crc = crc(record, 0, ShardHeader.HEADER_CRC.offsetBytes());
        ShardHeader.HEADER_CRC.set(segment, 0, Integer.toUnsignedLong(crc));
        return ByteBuffer.wrap(record);
    }

    /** Describes a chunk. Chunks may be described in any order, by several threads, each once. */
    void set(int chunk, long offsetBytes, int storedBytes, int decodedBytes, Codec codec, int crc, byte[] sha256) {
        long at = (long) chunk * ENTRY_BYTES;
        ChunkRecord.DIGEST.set(table, at, sha256);
        ChunkRecord.OFFSET_BYTES.set(table, at, offsetBytes);
        ChunkRecord.STORED_BYTES.set(table, at, storedBytes);
        ChunkRecord.DECODED_BYTES.set(table, at, decodedBytes);
        ChunkRecord.CRC.set(table, at, Integer.toUnsignedLong(crc));
        ChunkRecord.CODEC.set(table, at, codec.code());
    }

    /** Makes room for one more chunk. */
    void grow() {
        byte[] old = table.toArray(ValueLayout.JAVA_BYTE);
        table = MemorySegment.ofArray(Arrays.copyOf(old, old.length + ENTRY_BYTES));
    }

    private byte[] digest(int chunk) {
        return ChunkRecord.DIGEST.get(table, (long) chunk * ENTRY_BYTES);
    }

    /** The id of a shard of the first {@code chunks} chunks. */
    byte[] id(int chunks) {
        byte[] bytes = table.asSlice(0, (long) chunks * ENTRY_BYTES).toArray(ValueLayout.JAVA_BYTE);
        return Digests.sha256().digest(bytes);
    }

    /** Everything from the chunk table to the end of the shard. */
    ByteBuffer encode(int chunks, long tableOffset) {
        byte[] bytes = new byte[Math.toIntExact(ShardTrailer.fileBytes(tableOffset, chunks) - tableOffset)];
        MemorySegment tail = MemorySegment.ofArray(bytes);
        MemorySegment.copy(table, 0, tail, 0, (long) chunks * ENTRY_BYTES);
        int fanOut = Math.toIntExact(ShardTrailer.fanOutOffset(0, chunks));
        putColumn(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(fanOut), chunks);
        long trailer = ShardTrailer.trailerOffset(tableOffset, chunks) - tableOffset;
        int columnEnd = Math.toIntExact(ShardTrailer.columnOffset(0, chunks) + 4L * chunks);
        ShardTrailer.MAGIC_FIELD.set(tail, trailer, ShardTrailer.MAGIC);
        ShardTrailer.FILE_BYTES.set(tail, trailer, ShardTrailer.fileBytes(tableOffset, chunks));
        ShardTrailer.CHUNK_COUNT.set(tail, trailer, chunks);
        ShardTrailer.TABLE_OFFSET.set(tail, trailer, tableOffset);
        ShardTrailer.ID.set(tail, trailer, id(chunks));
        int columnCrc = crc(bytes, fanOut, columnEnd - fanOut);
        ShardTrailer.COLUMN_CRC.set(tail, trailer, Integer.toUnsignedLong(columnCrc));
        int trailerCrc = crc(bytes, Math.toIntExact(trailer), ShardTrailer.TRAILER_CRC.offsetBytes());
        ShardTrailer.TRAILER_CRC.set(tail, trailer, Integer.toUnsignedLong(trailerCrc));
        return ByteBuffer.wrap(bytes);
    }

    private void putColumn(ByteBuffer target, int chunks) {
        Integer[] order = new Integer[chunks];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> {
            int byDigest = Arrays.compareUnsigned(digest(a), digest(b));
            return byDigest != 0 ? byDigest : Integer.compare(a, b);
        });
        int[] counts = new int[ShardTrailer.FAN_OUT_ENTRIES];
        for (int chunk = 0; chunk < chunks; chunk++) {
            counts[Byte.toUnsignedInt(digest(chunk)[0])]++;
        }
        int sum = 0;
        for (int count : counts) {
            sum += count;
            target.putInt(sum);
        }
        for (int chunk : order) {
            target.putInt(chunk);
        }
    }

    private static int crc(byte[] bytes, int from, int count) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, count);
        return (int) crc.getValue();
    }
}
