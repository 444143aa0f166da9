package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.LongConsumer;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Catalog;
import org.trencadis.storage.FileCache;

/** A container directory: named checkpoints over content-addressed shards. */
public final class Container implements AutoCloseable {
    /** Whether {@code directory} holds a FORMAT file of ours. */
    public static boolean isContainer(Path directory) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    public static Container open(Path directory, FileCache cache) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Opens a container, or creates one where {@code directory} does not exist or is empty. */
    public static Container openOrCreate(Path directory, FileCache cache) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The names of the checkpoints, sorted. */
    public List<String> names() throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** A checkpoint ready to be read; the caller closes it. */
    public StoredCheckpoint open(String name) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Copies everything that {@code source} reads into this container and commits it under a name. */
    public ImportReport importCheckpoint(Gatherer source, ImportOptions options, LongConsumer progress)
            throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Commits an index over foreign files without any shard. */
    public void link(Catalog source, String name) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** Deletes a checkpoint; shards stay until gc. */
    public void remove(String name) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    @Override
    public void close() throws IOException {}
}
