package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.ShardTrailer;
import org.trencadis.storage.FileLease;

/** Checks that the chunk table, the column and the payload of a shard agree with each other and with its id. */
final class ShardTableCheck {
    private static final int STEP_ENTRIES = 4096;

    private final FileLease lease;
    private final ShardTable table;
    private final String resource;
    private final int chunkCount;

    ShardTableCheck(FileLease lease, ShardTable table) {
        this.lease = lease;
        this.table = table;
        this.resource = lease.file().toString();
        this.chunkCount = table.chunkCount();
    }

    /** Checks every entry, and that the shard's id is that of its table. */
    void checkTable() throws IOException {
        MessageDigest digest = Digests.sha256();
        byte[] step = new byte[Math.min(chunkCount, STEP_ENTRIES) * ShardTable.ENTRY_BYTES];
        MemorySegment entries = MemorySegment.ofArray(step);
        long end = ShardEnds.HEADER_BYTES;
        for (int first = 0; first < chunkCount; first += STEP_ENTRIES) {
            int count = Math.min(STEP_ENTRIES, chunkCount - first);
            lease.read(table.entryOffset(first), entries, 0, (long) count * ShardTable.ENTRY_BYTES);
            digest.update(step, 0, count * ShardTable.ENTRY_BYTES);
            for (int i = 0; i < count; i++) {
                end = table.checkEntry(entries, (long) i * ShardTable.ENTRY_BYTES, table.entryOffset(first + i), end);
            }
        }
        byte[] actual = digest.digest();
        byte[] id = table.id();
        if (!Arrays.equals(actual, id)) {
            throw new Corrupt(
                    "a shard's id is the SHA-256 of its chunk table",
                    hex(id),
                    hex(actual),
                    new Place(resource, "chunk table", table.tableOffset()));
        }
    }

    /** Checks that the column orders all chunks by digest, and that the fan-out counts it. */
    void checkColumn() throws IOException {
        int[] counts = new int[ShardTrailer.FAN_OUT_ENTRIES];
        byte[] before = null;
        int beforeOrdinal = -1;
        for (int position = 0; position < chunkCount; position++) {
            int ordinal = table.column(position);
            long at = ShardTrailer.columnOffset(table.tableOffset(), chunkCount) + 4L * position;
            byte[] digest = ordinal >= 0 && ordinal < chunkCount ? table.digest(ordinal) : null;
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
            long at = ShardTrailer.fanOutOffset(table.tableOffset(), chunkCount) + 4L * first;
            checkEqual("the fan-out counts the column", sum, table.fanOut(first), "fan-out", at);
        }
    }

    private void checkEqual(String rule, long expected, long actual, String section, long offset) throws Corrupt {
        if (actual != expected) {
            throw new Corrupt(rule, expected, actual, new Place(resource, section, offset));
        }
    }

    /** Checks that nothing stands between header, chunks and table. */
    void checkGaps() throws IOException {
        ShardBytes bytes = new ShardBytes(lease);
        long end = ShardEnds.HEADER_BYTES;
        for (int ordinal = 0; ordinal < chunkCount; ordinal++) {
            ShardFile.Chunk chunk = table.chunk(ordinal);
            bytes.checkZeros("gaps between chunks are zero", end, chunk.offsetBytes());
            end = chunk.endBytes();
        }
        bytes.checkZeros("gaps between chunks are zero", end, table.tableOffset());
    }

    private static String hex(byte[] digest) {
        return HexFormat.of().formatHex(digest);
    }
}
