package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.trencadis.storage.FileCache;

/** A shard of a container, opened for reading chunks. */
final class ShardFile implements AutoCloseable {
    static ShardFile open(Path file, FileCache cache) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    void read(long firstChunk, long fromBytes, MemorySegment target, long targetOffset, long bytes) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    MemorySegment findView(long firstChunk, long fromBytes, long bytes) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    @Override
    public void close() {}
}
