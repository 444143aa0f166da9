package org.trencadis.format;

/** One number of a shape, a box or a stride. */
public final class CoordinateRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("CoordinateRecord");

    public static final FieldHandle.U64 VALUE =
            RECORD.u64("value", "two's complement; offsets and extents are not negative", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private CoordinateRecord() {}
}
