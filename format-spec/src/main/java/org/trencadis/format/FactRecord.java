package org.trencadis.format;

/** A fact about a checkpoint: framework, geometry, base of foreign files, evidence. */
public final class FactRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("FactRecord");

    public static final FieldHandle.U64 NAME_START =
            RECORD.u64("nameStart", "name in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "its length", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));

    static {
        RECORD.reserved(4);
    }

    public static final FieldHandle.U64 VALUE_START =
            RECORD.u64("valueStart", "the value in the values section", FieldRule.atMost("value bytes"));
    public static final FieldHandle.U64 VALUE_BYTES =
            RECORD.u64("valueBytes", "length of that value", FieldRule.atMost("value bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private FactRecord() {}
}
