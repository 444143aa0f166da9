package org.trencadis.codec;

import java.nio.ByteBuffer;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

/**
 * How the bytes of a chunk are stored. Codes are those of SPEC.md.
 *
 * <p>Buffers are direct and private: a native codec over a mapping whose file is cut kills the process. Safe for several
 * threads.
 */
public enum Codec {
    /** As they are. */
    RAW(1),
    /** An LZ4 block. */
    LZ4(2),
    /** A Zstandard frame. */
    ZSTD(3);

    /** A chunk is stored encoded only where that saves at least this part of it, as 1/n. */
    private static final int LEAST_SAVING = 16;

    private final int code;

    Codec(int code) {
        this.code = code;
    }

    /** The code in a chunk record. */
    public int code() {
        return code;
    }

    /** The codec with this code, or null. */
    public static Codec find(int code) {
        for (Codec codec : values()) {
            if (codec.code == code) {
                return codec;
            }
        }
        return null;
    }

    /** The room that {@link #encode} needs for a source of this length, whatever its content. */
    public static int roomBytes(int sourceBytes) {
        return Math.max(Lz4Block.roomBytes(sourceBytes), ZstdFrame.roomBytes(sourceBytes));
    }

    /**
     * Encodes the remaining bytes of {@code source}, whose position stays.
     *
     * @param target direct, empty, at least {@link #roomBytes} long; holds the encoded bytes from 0 to its limit after
     * @return whether encoding pays; if not, the content of {@code target} is of no use
     */
    public boolean encode(ByteBuffer source, ByteBuffer target) {
        int bytes = source.remaining();
        int encoded = switch (this) {
            case RAW -> bytes;
            case LZ4 -> Lz4Block.encode(source, target);
            case ZSTD -> ZstdFrame.encode(source, target);
        };
        boolean pays = encoded <= bytes - Math.max(1, bytes / LEAST_SAVING);
        if (pays) {
            target.position(0).limit(encoded);
        }
        return pays;
    }

    /**
     * Decodes the remaining bytes of {@code stored} into exactly the remaining room of {@code target}. Positions stay.
     *
     * @param place of the chunk, for messages
     * @throws Corrupt where the bytes are no such encoding, or one of another length
     */
    public void decode(ByteBuffer stored, ByteBuffer target, Place place) throws FormatException {
        int expected = target.remaining();
        int actual = switch (this) {
            case RAW -> copy(stored, target);
            case LZ4 -> Lz4Block.decode(stored, target);
            case ZSTD -> ZstdFrame.decode(stored, target);
        };
        if (actual != expected) {
            String fault = actual < 0 ? "no " + this + " encoding of that length" : actual + " bytes";
            throw new Corrupt("a chunk decodes to its declared length", expected + " bytes", fault, place);
        }
    }

    private static int copy(ByteBuffer stored, ByteBuffer target) {
        if (stored.remaining() != target.remaining()) {
            return stored.remaining();
        }
        target.put(target.position(), stored, stored.position(), stored.remaining());
        return stored.remaining();
    }
}
