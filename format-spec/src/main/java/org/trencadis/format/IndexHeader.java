package org.trencadis.format;

/** The first record of a universal index file. It and its check are the same in every format version. */
public final class IndexHeader {
    /** {@code TRENIDX\n} read as a little-endian number. */
    public static final long MAGIC = 0x0A5844494E455254L;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("IndexHeader");

    public static final FieldHandle.U64 MAGIC_FIELD = RECORD.u64("magic", "`TRENIDX\\n`", FieldRule.exactly(MAGIC));
    public static final FieldHandle.U32 VERSION =
            RECORD.u32("version", "format version", FieldRule.range(FormatLimits.VERSION, FormatLimits.VERSION));
    public static final FieldHandle.U32 HEADER_BYTES =
            RECORD.u32("headerBytes", "bytes of this record", FieldRule.exactly(128));
    public static final FieldHandle.U64 REQUIRED =
            RECORD.u64("requiredFeatures", "bits a reader must know to read on", FieldRule.mask(0));
    public static final FieldHandle.U64 OPTIONAL =
            RECORD.u64("optionalFeatures", "bits a reader may ignore", FieldRule.any());
    public static final FieldHandle.U64 FILE_BYTES =
            RECORD.u64("fileBytes", "length of the whole file", FieldRule.atMost("file bytes"));
    public static final FieldHandle.U64 BODY_BYTES =
            RECORD.u64("bodyBytes", "length of the sections and the gaps between them", FieldRule.atMost("file bytes"));
    public static final FieldHandle.U64 PAGE_COUNT =
            RECORD.u64("pageCount", "pages of the body, the last one may be short", FieldRule.atMost("file bytes"));
    public static final FieldHandle.U32 SECTION_COUNT =
            RECORD.u32("sectionCount", "entries of the section table", FieldRule.exactly(Section.count()));
    public static final FieldHandle.U32 DIRECTORY_CRC =
            RECORD.u32("directoryCrc", "CRC32C over page directory and section table", FieldRule.any());

    static {
        RECORD.reserved(60);
    }

    public static final FieldHandle.U32 HEADER_CRC =
            RECORD.u32("headerCrc", "CRC32C over the preceding bytes of this record", FieldRule.any());
    public static final RecordLayout LAYOUT = RECORD.build();

    private IndexHeader() {}
}
