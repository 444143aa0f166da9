package org.trencadis.format;

/** How elements of a foreign fragment differ from canonical ones. */
public final class EncodingRecord {
    /** Imaginary parts are negated when read. */
    public static final int CONJUGATE = 1;

    /** Values are negated when read. */
    public static final int NEGATE = 2;

    /** The elements lie in what a Zstandard stream decodes to. */
    public static final int ZSTD = 1;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("EncodingRecord");

    public static final FieldHandle.U8 BYTE_ORDER =
            RECORD.u8("byteOrder", "1 little-endian, 2 big-endian", FieldRule.range(1, 2));
    public static final FieldHandle.U8 FLAGS = RECORD.u8(
            "flags", "bit 0: conjugate when read; bit 1: negate when read", FieldRule.mask(CONJUGATE | NEGATE));
    public static final FieldHandle.U8 ORDER =
            RECORD.u8("order", "number of strides; 0 for row-major", FieldRule.range(0, FormatLimits.MAX_ORDER));

    public static final FieldHandle.U8 TRANSFORM = RECORD.u8(
            "transform",
            "0 none; 1 the extent is a Zstandard stream that holds the elements",
            FieldRule.range(0, ZSTD));

    static {
        RECORD.reserved(4);
    }

    public static final FieldHandle.U64 STRIDE_START = RECORD.u64(
            "strideStart",
            "first stride in the coordinates section, in elements",
            FieldRule.atMost("coordinate count"));
    public static final FieldHandle.U64 STREAM_OFFSET =
            RECORD.u64("streamOffset", "position of the region's first element in the decoded stream", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private EncodingRecord() {}
}
