package org.trencadis.format;

/** A tensor: name and state, type, shape, and where its copies stand. */
public final class TensorRecord {
    /** Every copy of this model tensor is the rounded copy of its fp32 master. */
    public static final int DERIVED = 1;

    /** The copies differ and are averaged when read. */
    public static final int BLEND = 2;

    /** The root is computed. */
    public static final int HAS_ROOT = 4;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("TensorRecord");

    public static final FieldHandle.U64 NAME_START =
            RECORD.u64("nameStart", "first byte of the name in the strings section", FieldRule.atMost("string bytes"));
    public static final FieldHandle.U32 NAME_BYTES =
            RECORD.u32("nameBytes", "length of the name", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U32 STATE =
            RECORD.u32("state", "ordinal in the states section", FieldRule.below("state count"));
    public static final FieldHandle.U8 DTYPE = RECORD.u8("dtype", "code of the element type", FieldRule.range(1, 24));
    public static final FieldHandle.U8 ORDER =
            RECORD.u8("order", "number of axes", FieldRule.range(0, FormatLimits.MAX_ORDER));
    public static final FieldHandle.U16 FLAGS = RECORD.u16(
            "flags",
            "bit 0: derived; bit 1: blend; bit 2: the root is known",
            FieldRule.mask(DERIVED | BLEND | HAS_ROOT));
    public static final FieldHandle.U32 COPY_COUNT = RECORD.u32("copyCount", "copies", FieldRule.range(1, 0xFFFFFF));
    public static final FieldHandle.U64 SHAPE_START = RECORD.u64(
            "shapeStart", "first extent of the shape in the coordinates section", FieldRule.atMost("coordinate count"));
    public static final FieldHandle.U64 ELEMENT_COUNT =
            RECORD.u64("elementCount", "product of the shape", FieldRule.any());
    public static final FieldHandle.U64 COPY_START = RECORD.u64(
            "copyStart", "first copy in the copies section; margins follow the copies", FieldRule.atMost("copy count"));
    public static final FieldHandle.U32 MARGIN_COUNT =
            RECORD.u32("marginCount", "margins", FieldRule.range(0, 0xFFFFFF));

    static {
        RECORD.reserved(4);
    }

    public static final FieldHandle.Bytes ROOT =
            RECORD.bytes("root", 32, "tensor root, zeros where it is not computed");
    public static final RecordLayout LAYOUT = RECORD.build();

    private TensorRecord() {}
}
