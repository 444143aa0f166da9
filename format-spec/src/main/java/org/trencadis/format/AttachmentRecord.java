package org.trencadis.format;

/** What is not a tensor: a value with the file it stood in and a rule for another layout. */
public final class AttachmentRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("AttachmentRecord");

    public static final FieldHandle.U64 NAME_START =
            RECORD.u64("nameStart", "name in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "its length", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U32 SCOPE_BYTES =
            RECORD.u32("scopeBytes", "length of the scope", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U64 SCOPE_START = RECORD.u64(
            "scopeStart",
            "scope in the strings section: the source file it stood in",
            FieldRule.atMost("string bytes"));
    public static final FieldHandle.U64 VALUE_START =
            RECORD.u64("valueStart", "the value in the values section", FieldRule.atMost("value bytes"));
    public static final FieldHandle.U64 VALUE_BYTES =
            RECORD.u64("valueBytes", "length of that value", FieldRule.atMost("value bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private AttachmentRecord() {}
}
