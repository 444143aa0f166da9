package org.trencadis.format;

/** A set of ranks, as numbers in a run of the values section. */
public final class HolderRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("HolderRecord");

    public static final FieldHandle.U64 VALUE_START = RECORD.u64(
            "valueStart",
            "first byte of a value: a tuple of whole numbers, ascending",
            FieldRule.atMost("value bytes"));
    public static final FieldHandle.U64 VALUE_BYTES =
            RECORD.u64("valueBytes", "length of that value", FieldRule.atMost("value bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private HolderRecord() {}
}
