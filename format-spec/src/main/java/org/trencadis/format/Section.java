package org.trencadis.format;

/** The sections of an index, in the order in which they are stored. */
public enum Section {
    STRINGS(1, "string bytes", null),
    STATES(2, "state count", NameRecord.LAYOUT),
    TENSORS(3, "tensor count", TensorRecord.LAYOUT),
    COPIES(4, "copy count", CopyRecord.LAYOUT),
    FRAGMENTS(5, "fragment count", FragmentRecord.LAYOUT),
    COORDINATES(6, "coordinate count", CoordinateRecord.LAYOUT),
    EXTENTS(7, "extent count", ExtentRecord.LAYOUT),
    ENCODINGS(8, "encoding count", EncodingRecord.LAYOUT),
    FILES(9, "file count", FileRecord.LAYOUT),
    HOLDERS(10, "holder count", HolderRecord.LAYOUT),
    GROUPS(11, "group count", GroupRecord.LAYOUT),
    MEMBERS(12, "member count", NameRecord.LAYOUT),
    ALIASES(13, "alias count", AliasRecord.LAYOUT),
    ATTACHMENTS(14, "attachment count", AttachmentRecord.LAYOUT),
    FINDINGS(15, "finding count", FindingRecord.LAYOUT),
    FACTS(16, "fact count", FactRecord.LAYOUT),
    VALUES(17, "value bytes", null);

    private final int code;
    private final String limit;
    private final RecordLayout layout;

    Section(int code, String limit, RecordLayout layout) {
        this.code = code;
        this.limit = limit;
        this.layout = layout;
    }

    /** The code in the section table, from 1. */
    public int code() {
        return code;
    }

    /** The record that the section repeats, or null for a section of bytes. */
    public RecordLayout layout() {
        return layout;
    }

    /** Bytes of one entry: a record, or one byte. */
    public int entryBytes() {
        return layout == null ? 1 : layout.sizeBytes();
    }

    /** The name under which rules count this section's entries. */
    public String limit() {
        return limit;
    }

    /** The number of sections that every index of this version has. */
    static int count() {
        return 17;
    }
}
