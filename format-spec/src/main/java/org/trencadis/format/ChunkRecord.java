package org.trencadis.format;

/** One chunk of a shard, in the order of the payload. */
public final class ChunkRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("ChunkRecord");

    public static final FieldHandle.Bytes DIGEST = RECORD.bytes("digest", 32, "SHA-256 of the decoded bytes");
    public static final FieldHandle.U64 OFFSET_BYTES = RECORD.u64(
            "offsetBytes", "of the stored bytes, from the start of the shard", FieldRule.atMost("payload end"));
    public static final FieldHandle.U32 STORED_BYTES =
            RECORD.u32("storedBytes", "length as stored", FieldRule.range(1, FormatLimits.CHUNK_BYTES));
    public static final FieldHandle.U32 DECODED_BYTES =
            RECORD.u32("decodedBytes", "length decoded", FieldRule.range(1, FormatLimits.CHUNK_BYTES));
    public static final FieldHandle.U32 CRC = RECORD.u32("crc", "CRC32C over the stored bytes", FieldRule.any());
    public static final FieldHandle.U8 CODEC = RECORD.u8("codec", "1 raw, 2 lz4, 3 zstd", FieldRule.range(1, 3));

    static {
        RECORD.reserved(11);
    }

    public static final RecordLayout LAYOUT = RECORD.build();

    private ChunkRecord() {}
}
