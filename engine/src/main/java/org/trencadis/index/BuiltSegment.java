package org.trencadis.index;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.trencadis.storage.ScratchFile;

/** Zeroed room for an image that is being built: memory while it is small, a mapped scratch file beyond that. */
final class BuiltSegment {
    /** The largest image that is built in anonymous memory. */
    static final long MEMORY_BYTES = 64L << 20;

    private final MemorySegment segment;
    private final AutoCloseable owner;

    private BuiltSegment(MemorySegment segment, AutoCloseable owner) {
        this.segment = segment;
        this.owner = owner;
    }

    static BuiltSegment allocate(long bytes) throws IOException {
        return allocate(bytes, MEMORY_BYTES);
    }

    static BuiltSegment allocate(long bytes, long memoryBytes) throws IOException {
        if (bytes <= memoryBytes) {
            Arena arena = Arena.ofShared();
            return new BuiltSegment(arena.allocate(bytes, 64), arena);
        }
        ScratchFile file = ScratchFile.create(bytes);
        try {
            return new BuiltSegment(file.map(), file);
        } catch (IOException | RuntimeException e) {
            file.close();
            throw e;
        }
    }

    MemorySegment segment() {
        return segment;
    }

    void close() {
        try {
            owner.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (Exception e) {
            throw new IllegalStateException("an arena and a file close with an IOException only", e);
        }
    }
}
