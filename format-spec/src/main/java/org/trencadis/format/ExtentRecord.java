package org.trencadis.format;

/** A byte string in a file: bytes of a foreign file, or whole chunks of a shard. */
public final class ExtentRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("ExtentRecord");

    public static final RecordLayout.U32 FILE =
            RECORD.u32("file", "ordinal in the files section", RecordLayout.below("file count"));

    static {
        RECORD.reserved(4);
    }

    public static final RecordLayout.U64 OFFSET =
            RECORD.u64("offset", "foreign file: byte offset; shard: ordinal of the first chunk", RecordLayout.any());
    public static final RecordLayout.U64 LENGTH_BYTES =
            RECORD.u64("lengthBytes", "decoded bytes; of a stream, its stored bytes", RecordLayout.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private ExtentRecord() {}
}
