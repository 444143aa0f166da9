package org.trencadis.format;

/** One line of an index's section table. */
public final class SectionEntry {
    private static final RecordLayout.Builder RECORD = RecordLayout.named("SectionEntry");

    public static final FieldHandle.U32 SECTION =
            RECORD.u32("section", "code of the section, ascending from 1", FieldRule.range(1, Section.count()));
    public static final FieldHandle.U32 ENTRY_BYTES =
            RECORD.u32("entryBytes", "bytes of one entry, 1 for sections of bytes", FieldRule.atMost("body bytes"));
    public static final FieldHandle.U64 OFFSET_BYTES =
            RECORD.u64("offsetBytes", "from the start of the body, a multiple of 64", FieldRule.atMost("body bytes"));
    public static final FieldHandle.U64 ENTRY_COUNT =
            RECORD.u64("entryCount", "entries", FieldRule.atMost("body bytes"));
    public static final RecordLayout LAYOUT = RECORD.build();

    private SectionEntry() {}
}
