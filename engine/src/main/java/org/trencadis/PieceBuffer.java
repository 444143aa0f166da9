package org.trencadis;

import java.io.Closeable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatLimits;
import org.trencadis.storage.OutputFile;

/** The buffer of one thread: room for one piece, reused. */
final class PieceBuffer implements Closeable {
    private final Arena arena = Arena.ofConfined();
    private final MemorySegment bytes = arena.allocate(FormatLimits.CHUNK_BYTES, OutputFile.BLOCK_BYTES);

    MemorySegment bytes() {
        return bytes;
    }

    @Override
    public void close() {
        arena.close();
    }
}
