package org.trencadis.format;

/** An optimizer parameter group. */
public final class GroupRecord {
    /** The parameters are experts. */
    public static final int EXPERT = 1;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("GroupRecord");

    public static final RecordLayout.U64 MEMBER_START = RECORD.u64(
            "memberStart", "first parameter name in the members section", RecordLayout.atMost("member count"));
    public static final RecordLayout.U64 MEMBER_COUNT =
            RECORD.u64("memberCount", "parameters, in flat order", RecordLayout.atMost("member count"));
    public static final RecordLayout.U64 NAME_START =
            RECORD.u64("nameStart", "name in the strings section", RecordLayout.atMost("string bytes"));
    public static final RecordLayout.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "length of the name", RecordLayout.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final RecordLayout.U32 FLAGS =
            RECORD.u32("flags", "bit 0: parameters of experts", RecordLayout.mask(EXPERT));
    public static final RecordLayout.U64 VALUE_START = RECORD.u64(
            "valueStart", "hyperparameters: a mapping in the values section", RecordLayout.atMost("value bytes"));
    public static final RecordLayout.U64 VALUE_BYTES =
            RECORD.u64("valueBytes", "length of that value", RecordLayout.atMost("value bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private GroupRecord() {}
}
