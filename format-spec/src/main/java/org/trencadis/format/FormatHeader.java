package org.trencadis.format;

/** The only record of a container's FORMAT file. It and its check are the same in every format version. */
public final class FormatHeader {
    /** {@code TRENFMT\n} read as a little-endian number. */
    public static final long MAGIC = 0x0A544D464E455254L;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("FormatHeader");

    public static final FieldHandle.U64 MAGIC_FIELD = RECORD.u64("magic", "`TRENFMT\\n`", FieldRule.exactly(MAGIC));
    public static final FieldHandle.U32 VERSION =
            RECORD.u32("version", "format version", FieldRule.range(FormatLimits.VERSION, FormatLimits.VERSION));
    public static final FieldHandle.U32 HEADER_BYTES =
            RECORD.u32("headerBytes", "bytes of this record", FieldRule.exactly(64));
    public static final FieldHandle.U64 REQUIRED =
            RECORD.u64("requiredFeatures", "bits a reader must know to read on", FieldRule.mask(0));
    public static final FieldHandle.U64 OPTIONAL =
            RECORD.u64("optionalFeatures", "bits a reader may ignore", FieldRule.any());
    public static final FieldHandle.Bytes UUID = RECORD.bytes("uuid", 16, "identity of the container");
    public static final FieldHandle.U32 HASH = RECORD.u32("hash", "1: SHA-256", FieldRule.exactly(1));

    static {
        RECORD.reserved(8);
    }

    public static final FieldHandle.U32 HEADER_CRC =
            RECORD.u32("headerCrc", "CRC32C over the preceding bytes", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private FormatHeader() {}
}
