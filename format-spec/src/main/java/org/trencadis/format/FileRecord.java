package org.trencadis.format;

/** A file that extents point into: a foreign original, or a shard of this container. */
public final class FileRecord {
    /** A file that this container does not own. */
    public static final int FOREIGN = 1;

    /** A shard of this container. */
    public static final int SHARD = 2;

    /** The digest is known. */
    public static final int HAS_DIGEST = 1;

    private static final RecordLayout.Builder RECORD = RecordLayout.named("FileRecord");

    public static final FieldHandle.U8 KIND = RECORD.u8("kind", "1 foreign, 2 shard", FieldRule.range(FOREIGN, SHARD));
    public static final FieldHandle.U8 FLAGS =
            RECORD.u8("flags", "bit 0: the digest is known", FieldRule.mask(HAS_DIGEST));

    static {
        RECORD.reserved(2);
    }

    public static final FieldHandle.U32 PATH_BYTES =
            RECORD.u32("pathBytes", "length of the path", FieldRule.range(0, FormatLimits.MAX_NAME_BYTES));
    public static final FieldHandle.U64 PATH_START = RECORD.u64(
            "pathStart",
            "path in the strings section: foreign, relative to the base fact; shard, empty",
            FieldRule.atMost("string bytes"));
    public static final FieldHandle.U64 SIZE_BYTES = RECORD.u64("sizeBytes", "length of the file", FieldRule.any());
    public static final FieldHandle.U64 DEVICE =
            RECORD.u64("device", "foreign: device number when linked", FieldRule.any());
    public static final FieldHandle.U64 INODE =
            RECORD.u64("inode", "foreign: inode number when linked", FieldRule.any());
    public static final FieldHandle.U64 MTIME =
            RECORD.u64("mtimeNs", "foreign: modification time, nanoseconds since 1970", FieldRule.any());
    public static final FieldHandle.U64 CTIME =
            RECORD.u64("ctimeNs", "foreign: status change time, nanoseconds since 1970", FieldRule.any());
    public static final FieldHandle.Bytes DIGEST =
            RECORD.bytes("digest", 32, "shard: its id; foreign: SHA-256 of the file once known, else zeros");
    public static final RecordLayout LAYOUT = RECORD.build();

    private FileRecord() {}
}
