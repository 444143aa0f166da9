package org.trencadis.format;

/**
 * The last record of a shard. Before it stand, without gaps: the chunk table; the fan-out, {@link #FAN_OUT_ENTRIES} u32
 * numbers, each the count of chunks whose digest's first byte is at most the entry's position; the sorted column, a u32
 * chunk ordinal for each chunk, by digest and then by ordinal; zeros up to a multiple of eight.
 */
public final class ShardTrailer {
    /** Entries of the fan-out, one for each first byte of a digest. */
    public static final int FAN_OUT_ENTRIES = 256;

    /** {@code TRENSHE\n} read as a little-endian number. */
    public static final long MAGIC = 0x0A4548534E455254L;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("ShardTrailer");

    public static final FieldHandle.U64 MAGIC_FIELD = RECORD.u64("magic", "`TRENSHE\\n`", FieldRule.exactly(MAGIC));
    public static final FieldHandle.U64 FILE_BYTES =
            RECORD.u64("fileBytes", "length of the whole shard", FieldRule.atMost("file bytes"));
    public static final FieldHandle.U64 CHUNK_COUNT =
            RECORD.u64("chunkCount", "chunks", FieldRule.range(1, 0x7FFFFFFF));
    public static final FieldHandle.U64 TABLE_OFFSET =
            RECORD.u64("tableOffsetBytes", "start of the chunk table", FieldRule.atMost("file bytes"));
    public static final FieldHandle.Bytes ID = RECORD.bytes("id", 32, "SHA-256 of the chunk table: the shard's name");
    public static final FieldHandle.U32 COLUMN_CRC =
            RECORD.u32("columnCrc", "CRC32C over the fan-out and the sorted column", FieldRule.any());

    static {
        RECORD.reserved(24);
    }

    public static final FieldHandle.U32 TRAILER_CRC =
            RECORD.u32("trailerCrc", "CRC32C over the preceding bytes", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private ShardTrailer() {}

    /** Where the fan-out starts. */
    public static long fanOutOffset(long tableOffsetBytes, long chunkCount) {
        return tableOffsetBytes + chunkCount * ChunkRecord.LAYOUT.sizeBytes();
    }

    /** Where the sorted column starts. */
    public static long columnOffset(long tableOffsetBytes, long chunkCount) {
        return fanOutOffset(tableOffsetBytes, chunkCount) + 4L * FAN_OUT_ENTRIES;
    }

    /** Where this record starts. */
    public static long trailerOffset(long tableOffsetBytes, long chunkCount) {
        return (columnOffset(tableOffsetBytes, chunkCount) + 4 * chunkCount + 7) / 8 * 8;
    }

    /** The length of a shard with this many chunks. */
    public static long fileBytes(long tableOffsetBytes, long chunkCount) {
        return trailerOffset(tableOffsetBytes, chunkCount) + LAYOUT.sizeBytes();
    }
}
