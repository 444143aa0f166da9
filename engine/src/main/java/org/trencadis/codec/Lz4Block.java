package org.trencadis.codec;

import java.nio.ByteBuffer;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;
import net.jpountz.lz4.LZ4SafeDecompressor;

/** LZ4 blocks. Only the decompressor that checks every bound is used. */
final class Lz4Block {
    private static final LZ4Factory FACTORY = factory();
    private static final LZ4Compressor COMPRESSOR = FACTORY.fastCompressor();
    private static final LZ4SafeDecompressor DECOMPRESSOR = FACTORY.safeDecompressor();

    private Lz4Block() {}

    /** The native library where it loads, else plain Java; never the variant over unsafe memory access. */
    private static LZ4Factory factory() {
        try {
            return LZ4Factory.nativeInstance();
        } catch (LinkageError | RuntimeException e) {
            return LZ4Factory.safeInstance();
        }
    }

    static int roomBytes(int sourceBytes) {
        return sourceBytes + sourceBytes / 255 + 16;
    }

    static int encode(ByteBuffer source, ByteBuffer target) {
        return COMPRESSOR.compress(
                source, source.position(), source.remaining(), target, 0, roomBytes(source.remaining()));
    }

    /** The decoded length, or -1 where the bytes are no block that fits {@code target}. */
    static int decode(ByteBuffer stored, ByteBuffer target) {
        try {
            return DECOMPRESSOR.decompress(
                    stored, stored.position(), stored.remaining(), target, target.position(), target.remaining());
        } catch (LZ4Exception e) {
            return -1;
        }
    }
}
