package org.trencadis.format;

/** A region of a tensor and where its elements lie. */
public final class FragmentRecord {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("FragmentRecord");

    public static final FieldHandle.U64 START =
            RECORD.u64("start", "first element of the interval in the box's row-major order", FieldRule.any());
    public static final FieldHandle.U64 COUNT =
            RECORD.u64("count", "elements of the interval, all of the box's where it is not cut", FieldRule.any());
    public static final FieldHandle.U64 EXTENT_START =
            RECORD.u64("extentStart", "first extent", FieldRule.atMost("extent count"));
    public static final FieldHandle.U32 EXTENT_COUNT =
            RECORD.u32("extentCount", "extents, whose bytes follow each other", FieldRule.atMost("extent count"));
    public static final FieldHandle.U32 ENCODING = RECORD.u32(
            "encoding",
            "ordinal in the encodings section, or all ones for canonical",
            FieldRule.belowOrNone("encoding count"));
    public static final FieldHandle.U32 HOLDERS =
            RECORD.u32("holders", "set of ranks that held this fragment", FieldRule.belowOrNone("holder count"));

    static {
        RECORD.reserved(4);
    }

    public static final RecordLayout LAYOUT = RECORD.build();

    private FragmentRecord() {}
}
