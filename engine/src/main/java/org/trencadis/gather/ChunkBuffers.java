package org.trencadis.gather;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Objects;
import org.trencadis.format.FormatLimits;

/**
 * Room for one encoded chunk, as stored and as decoded. A few are kept when closed, with what they decoded last: runs of
 * a gather often lie in the chunk that the run before them was in.
 */
final class ChunkBuffers implements AutoCloseable {
    private static final int MAX_KEPT = 4;
    private static final ArrayDeque<ChunkBuffers> KEPT = new ArrayDeque<>();

    private final Arena arena = Arena.ofShared();
    private MemorySegment stored;
    private MemorySegment decoded;
    private ChunkReader reader;
    private int ordinal = -1;

    private ChunkBuffers() {}

    /** Buffers, if possible those that hold this chunk of {@code reader} already. */
    static ChunkBuffers take(ChunkReader reader, int ordinal) {
        synchronized (KEPT) {
            for (ChunkBuffers kept : KEPT) {
                if (kept.holds(reader, ordinal)) {
                    KEPT.remove(kept);
                    return kept;
                }
            }
            return KEPT.isEmpty() ? new ChunkBuffers() : KEPT.pollLast();
        }
    }

    /** Whether {@link #decoded} starts with this chunk. */
    boolean holds(ChunkReader wantedReader, int wantedOrdinal) {
        return Objects.equals(reader, wantedReader) && ordinal == wantedOrdinal;
    }

    /** Says what {@link #decoded} starts with from now on. */
    void setHeld(ChunkReader heldReader, int heldOrdinal) {
        reader = heldReader;
        ordinal = heldOrdinal;
    }

    MemorySegment stored() {
        if (stored == null) {
            stored = arena.allocate(FormatLimits.CHUNK_BYTES, 64);
        }
        return stored;
    }

    MemorySegment decoded() {
        if (decoded == null) {
            decoded = arena.allocate(FormatLimits.CHUNK_BYTES, 64);
        }
        return decoded;
    }

    @Override
    public void close() {
        synchronized (KEPT) {
            if (KEPT.size() < MAX_KEPT) {
                KEPT.addFirst(this);
                return;
            }
        }
        arena.close();
    }
}
