package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.trencadis.index.Catalog;
import org.trencadis.index.Extent;
import org.trencadis.storage.FileCache;

/** The bytes behind a catalog's extents: foreign files below a base, shards of a container. Safe for several threads. */
public final class CheckpointFiles implements AutoCloseable {
    /**
     * The files of {@code catalog}.
     *
     * @param base directory that foreign paths are relative to, or null where there are none
     * @param shards directory of shard files, or null where there are none
     */
    public static CheckpointFiles open(Catalog catalog, Path base, Path shards, FileCache cache) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /**
     * Copies {@code bytes} decoded bytes from position {@code fromBytes} of {@code extent} to {@code target}.
     *
     * @throws org.trencadis.storage.StorageException when a foreign file changed since it was catalogued
     */
    public void read(Extent extent, long fromBytes, MemorySegment target, long targetOffset, long bytes)
            throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Checks the stamps of all foreign files that were read through this object since it was opened. */
    public void checkUnchanged() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    @Override
    public void close() throws IOException {}
}
