package org.trencadis.format;

/** A byte string in a file: bytes of a foreign file, or whole chunks of a shard. */
public final class ExtentRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("ExtentRecord");

    public static final FieldHandle.U32 FILE =
            RECORD.u32("file", "ordinal in the files section", FieldRule.below("file count"));

    static {
        RECORD.reserved(4);
    }

    public static final FieldHandle.U64 OFFSET =
            RECORD.u64("offset", "foreign file: byte offset; shard: ordinal of the first chunk", FieldRule.any());
    public static final FieldHandle.U64 LENGTH_BYTES =
            RECORD.u64("lengthBytes", "decoded bytes; of a stream, its stored bytes", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private ExtentRecord() {}
}
