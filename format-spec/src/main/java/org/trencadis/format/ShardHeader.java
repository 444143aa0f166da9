package org.trencadis.format;

/** The first record of a shard. It and its check are the same in every format version. */
public final class ShardHeader {
    /** {@code TRENSHD\n} read as a little-endian number. */
    public static final long MAGIC = 0x0A4448534E455254L;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("ShardHeader");

    public static final RecordLayout.U64 MAGIC_FIELD = RECORD.u64("magic", "`TRENSHD\\n`", RecordLayout.exactly(MAGIC));
    public static final RecordLayout.U32 VERSION =
            RECORD.u32("version", "format version", RecordLayout.range(FormatLimits.VERSION, FormatLimits.VERSION));
    public static final RecordLayout.U32 HEADER_BYTES =
            RECORD.u32("headerBytes", "bytes of this record", RecordLayout.exactly(64));
    public static final RecordLayout.U64 REQUIRED =
            RECORD.u64("requiredFeatures", "bits a reader must know to read on", RecordLayout.mask(0));
    public static final RecordLayout.U64 OPTIONAL =
            RECORD.u64("optionalFeatures", "bits a reader may ignore", RecordLayout.any());

    static {
        RECORD.reserved(28);
    }

    public static final RecordLayout.U32 HEADER_CRC =
            RECORD.u32("headerCrc", "CRC32C over the preceding bytes", RecordLayout.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private ShardHeader() {}
}
