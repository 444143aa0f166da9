package org.trencadis.codec;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import java.nio.ByteBuffer;

/** Zstandard frames at level 1: higher levels save nothing on weights. */
final class ZstdFrame {
    private static final int LEVEL = 1;

    private ZstdFrame() {}

    static int roomBytes(int sourceBytes) {
        // ZSTD_COMPRESSBOUND: below 128 KiB the margin is larger.
        return sourceBytes + (sourceBytes >>> 8) + Math.max(0, (128 * 1024 - sourceBytes) >>> 11) + 64;
    }

    static int encode(ByteBuffer source, ByteBuffer target) {
        long encoded = Zstd.compressDirectByteBuffer(
                target, 0, target.capacity(), source, source.position(), source.remaining(), LEVEL);
        if (Zstd.isError(encoded)) {
            throw new IllegalStateException("zstd refuses to compress: " + Zstd.getErrorName(encoded));
        }
        return Math.toIntExact(encoded);
    }

    /** The decoded length, or -1 where the bytes are no frame that fits {@code target}. */
    static int decode(ByteBuffer stored, ByteBuffer target) {
        try {
            long decoded = Zstd.decompressDirectByteBuffer(
                    target, target.position(), target.remaining(), stored, stored.position(), stored.remaining());
            return Zstd.isError(decoded) ? -1 : Math.toIntExact(decoded);
        } catch (ZstdException e) {
            return -1;
        }
    }
}
