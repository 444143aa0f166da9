package org.trencadis.format;

/** Something that a person should know about a checkpoint. */
public final class FindingRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("FindingRecord");

    public static final FieldHandle.U64 CODE_START =
            RECORD.u64("codeStart", "code of the finding in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 CODE_BYTES =
            RECORD.u32("codeBytes", "its length", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U32 TEXT_BYTES =
            RECORD.u32("textBytes", "length of the text", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U64 TEXT_START =
            RECORD.u64("textStart", "the text in the strings section", FieldRule.atMost("string bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private FindingRecord() {}
}
