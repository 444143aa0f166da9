package org.trencadis.format;

/** The constants of the format: SPEC.md gives each with its reason. */
public final class FormatLimits {
    /** The format version that is written and read. Zero promises no compatibility. */
    public static final int VERSION = 0;

    /** Bytes of an index page: the unit of its CRC32C. */
    public static final int PAGE_BYTES = 64 * 1024;

    /** The greatest decoded length of a chunk, and the length of the pieces of a tensor root. */
    public static final int CHUNK_BYTES = 4 * 1024 * 1024;

    /** The payload that a shard aims at; a run is split only where it alone is larger. */
    public static final long SHARD_BYTES = 1L << 30;

    /** Runs of at least this many bytes start at {@link #RUN_ALIGNMENT}, smaller ones at {@link #PACK_ALIGNMENT}. */
    public static final int PACKED_BELOW_BYTES = 64 * 1024;

    public static final int RUN_ALIGNMENT = 4096;

    public static final int PACK_ALIGNMENT = 64;

    /** Every section of an index starts at a multiple of this. */
    public static final int SECTION_ALIGNMENT = 64;

    /** The greatest order of a tensor. */
    public static final int MAX_ORDER = 64;

    /** The greatest length of a name in bytes of UTF-8. */
    public static final int MAX_NAME_BYTES = 65_535;

    private FormatLimits() {}
}
