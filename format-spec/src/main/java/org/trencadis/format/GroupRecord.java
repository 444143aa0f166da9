package org.trencadis.format;

/** An optimizer parameter group. */
public final class GroupRecord {
    /** The parameters are experts. */
    public static final int EXPERT = 1;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("GroupRecord");

    public static final FieldHandle.U64 MEMBER_START =
            RECORD.u64("memberStart", "first parameter name in the members section", FieldRule.atMost("member count"));
    public static final FieldHandle.U64 MEMBER_COUNT =
            RECORD.u64("memberCount", "parameters, in flat order", FieldRule.atMost("member count"));
    public static final FieldHandle.U64 NAME_START =
            RECORD.u64("nameStart", "name in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "length of the name", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U32 FLAGS =
            RECORD.u32("flags", "bit 0: parameters of experts", FieldRule.mask(EXPERT));
    public static final FieldHandle.U64 VALUE_START = RECORD.u64(
            "valueStart", "hyperparameters: a mapping in the values section", FieldRule.atMost("value bytes"));
    public static final FieldHandle.U64 VALUE_BYTES =
            RECORD.u64("valueBytes", "length of that value", FieldRule.atMost("value bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private GroupRecord() {}
}
