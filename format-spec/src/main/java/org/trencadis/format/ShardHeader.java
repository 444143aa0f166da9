package org.trencadis.format;

/** The first record of a shard. It and its check are the same in every format version. */
public final class ShardHeader {
    /** {@code TRENSHD\n} read as a little-endian number. */
    public static final long MAGIC = 0x0A4448534E455254L;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("ShardHeader");

    public static final FieldHandle.U64 MAGIC_FIELD = RECORD.u64("magic", "`TRENSHD\\n`", FieldRule.exactly(MAGIC));
    public static final FieldHandle.U32 VERSION =
            RECORD.u32("version", "format version", FieldRule.range(FormatLimits.VERSION, FormatLimits.VERSION));
    public static final FieldHandle.U32 HEADER_BYTES =
            RECORD.u32("headerBytes", "bytes of this record", FieldRule.exactly(64));
    public static final FieldHandle.U64 REQUIRED =
            RECORD.u64("requiredFeatures", "bits a reader must know to read on", FieldRule.mask(0));
    public static final FieldHandle.U64 OPTIONAL =
            RECORD.u64("optionalFeatures", "bits a reader may ignore", FieldRule.any());

    static {
        RECORD.reserved(28);
    }

    public static final FieldHandle.U32 HEADER_CRC =
            RECORD.u32("headerCrc", "CRC32C over the preceding bytes", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private ShardHeader() {}
}
