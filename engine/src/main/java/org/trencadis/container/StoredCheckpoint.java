package org.trencadis.container;

import java.io.IOException;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.index.Catalog;

/** One open checkpoint of a container: its catalog and the files behind it. */
public record StoredCheckpoint(String name, long generation, Catalog catalog, CheckpointFiles files)
        implements AutoCloseable {
    @Override
    public void close() throws IOException {
        try {
            files.close();
        } finally {
            catalog.close();
        }
    }
}
