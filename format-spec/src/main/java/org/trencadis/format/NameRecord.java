package org.trencadis.format;

/** A string: a range of the strings section. */
public final class NameRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("NameRecord");

    public static final FieldHandle.U64 START =
            RECORD.u64("start", "first byte in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 BYTES =
            RECORD.u32("bytes", "length in bytes of UTF-8", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));

    static {
        RECORD.reserved(4);
    }

    public static final RecordLayout LAYOUT = RECORD.build();

    private NameRecord() {}
}
