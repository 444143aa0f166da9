package org.trencadis;

import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatLimits;

/** The buffer of one thread: room for one piece, reused. */
final class PieceBuffer implements Closeable {
    private static final long ALIGNMENT = 4096;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment bytes = arena.allocate(FormatLimits.CHUNK_BYTES, ALIGNMENT);

    MemorySegment bytes() {
        return bytes;
    }

    @Override
    public void close() {
        arena.close();
    }
}
