package org.trencadis.format;

/** What is not a tensor: a value with the file it stood in and a rule for another layout. */
public final class AttachmentRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("AttachmentRecord");

    public static final RecordLayout.U64 NAME_START =
            RECORD.u64("nameStart", "name in the strings section", RecordLayout.atMost("string bytes"));
    public static final RecordLayout.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "its length", RecordLayout.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final RecordLayout.U32 SCOPE_BYTES =
            RECORD.u32("scopeBytes", "length of the scope", RecordLayout.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final RecordLayout.U64 SCOPE_START = RECORD.u64(
            "scopeStart",
            "scope in the strings section: the source file it stood in",
            RecordLayout.atMost("string bytes"));
    public static final RecordLayout.U64 VALUE_START =
            RECORD.u64("valueStart", "the value in the values section", RecordLayout.atMost("value bytes"));
    public static final RecordLayout.U64 VALUE_BYTES =
            RECORD.u64("valueBytes", "length of that value", RecordLayout.atMost("value bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private AttachmentRecord() {}
}
