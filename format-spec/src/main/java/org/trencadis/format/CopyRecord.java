package org.trencadis.format;

/** A copy of a tensor, or a margin: fragments that do not overlap. */
public final class CopyRecord {
    /** The fragments cover each element of the tensor exactly once; proved. */
    public static final int COMPLETE = 1;

    /** The fragments lie beyond the logical shape. */
    public static final int MARGIN = 2;

    /** The root is computed. */
    public static final int HAS_ROOT = 4;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("CopyRecord");

    public static final FieldHandle.U64 FRAGMENT_START =
            RECORD.u64("fragmentStart", "first fragment", FieldRule.atMost("fragment count"));
    public static final FieldHandle.U64 FRAGMENT_COUNT = RECORD.u64(
            "fragmentCount",
            "fragments, ordered by the row-major position of their first element",
            FieldRule.atMost("fragment count"));
    public static final FieldHandle.U64 COORDINATE_START = RECORD.u64(
            "coordinateStart",
            "offsets and extents of the first fragment; each takes twice the order",
            FieldRule.atMost("coordinate count"));
    public static final FieldHandle.U32 FLAGS = RECORD.u32(
            "flags",
            "bit 0: complete; bit 1: margin; bit 2: the root is known",
            FieldRule.mask(COMPLETE | MARGIN | HAS_ROOT));
    public static final FieldHandle.U32 HOLDERS =
            RECORD.u32("holders", "set of ranks that held this copy", FieldRule.belowOrNone("holder count"));
    public static final FieldHandle.Bytes ROOT = RECORD.bytes("root", 32, "root of this copy of a blend, else zeros");
    public static final RecordLayout LAYOUT = RECORD.build();

    private CopyRecord() {}
}
