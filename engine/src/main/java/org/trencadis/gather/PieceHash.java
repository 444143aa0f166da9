package org.trencadis.gather;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import org.trencadis.format.Digests;

/** Hashes pieces in memory outside the heap, for one thread. */
final class PieceHash {
    /** Bytes hashed at a time: the JDK hashes arrays faster than direct buffers, and these stay in the cache. */
    private static final int STEP_BYTES = 32 * 1024;

    private final MessageDigest digest = Digests.sha256();
    private final byte[] step = new byte[STEP_BYTES];

    /** The SHA-256 of the first {@code bytes} bytes of {@code piece}. */
    byte[] sha256(MemorySegment piece, int bytes) {
        for (int done = 0; done < bytes; done += STEP_BYTES) {
            int count = Math.min(STEP_BYTES, bytes - done);
            MemorySegment.copy(piece, ValueLayout.JAVA_BYTE, done, step, 0, count);
            digest.update(step, 0, count);
        }
        return digest.digest();
    }
}
