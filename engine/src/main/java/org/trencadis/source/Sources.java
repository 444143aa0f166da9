package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.index.Catalog;
import org.trencadis.storage.FileCache;

/** Finds the reader for a framework's checkpoint directory and reads it. */
public final class Sources {
    private Sources() {}

    /**
     * The catalog of the checkpoint in {@code directory} (or of the tag it points to); its file paths are relative to its
     * fact {@code base}. Coverage is proved. The caller closes it.
     *
     * @throws SourceException when no reader, or more than one, recognises the directory, or what it holds is wrong
     */
    public static Catalog open(Path directory, SourceOptions options, FileCache cache) throws IOException {
        throw new UnsupportedOperationException("stub");
    }
}
