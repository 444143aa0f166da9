package org.trencadis.codec;

/** How the bytes of a chunk are stored. Codes are those of SPEC.md. */
public enum Codec {
    RAW(1),
    LZ4(2),
    ZSTD(3);

    private final int code;

    Codec(int code) {
        this.code = code;
    }

    /** The code in a chunk record. */
    public int code() {
        return code;
    }
}
