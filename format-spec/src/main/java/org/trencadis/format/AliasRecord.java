package org.trencadis.format;

/** A second name of a parameter. */
public final class AliasRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("AliasRecord");

    public static final FieldHandle.U64 NAME_START =
            RECORD.u64("nameStart", "the alias in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "its length", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U32 TARGET_BYTES =
            RECORD.u32("targetBytes", "length of the stored name", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U64 TARGET_START =
            RECORD.u64("targetStart", "the stored name in the strings section", FieldRule.atMost("string bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private AliasRecord() {}
}
