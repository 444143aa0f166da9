package org.trencadis.format;

/** How elements of a foreign fragment differ from canonical ones. */
public final class EncodingRecord {
    /** Imaginary parts are negated when read. */
    public static final int CONJUGATE = 1;

    /** Values are negated when read. */
    public static final int NEGATE = 2;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("EncodingRecord");

    public static final RecordLayout.U8 BYTE_ORDER =
            RECORD.u8("byteOrder", "1 little-endian, 2 big-endian", RecordLayout.range(1, 2));
    public static final RecordLayout.U8 FLAGS = RECORD.u8(
            "flags", "bit 0: conjugate when read; bit 1: negate when read", RecordLayout.mask(CONJUGATE | NEGATE));
    public static final RecordLayout.U8 ORDER =
            RECORD.u8("order", "number of strides; 0 for row-major", RecordLayout.range(0, FormatLimits.MAX_ORDER));

    static {
        RECORD.reserved(5);
    }

    public static final RecordLayout.U64 STRIDE_START = RECORD.u64(
            "strideStart",
            "first stride in the coordinates section, in elements",
            RecordLayout.atMost("coordinate count"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private EncodingRecord() {}
}
