package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Zeroed memory for an image that is being built. */
final class BuiltSegment {
    private final MemorySegment segment;
    private final Arena arena;

    private BuiltSegment(MemorySegment segment, Arena arena) {
        this.segment = segment;
        this.arena = arena;
    }

    static BuiltSegment allocate(long bytes) throws IOException {
        Arena arena = Arena.ofShared();
        return new BuiltSegment(arena.allocate(bytes, 64), arena);
    }

    MemorySegment segment() {
        return segment;
    }

    void close() {
        arena.close();
    }
}
