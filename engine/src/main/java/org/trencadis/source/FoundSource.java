package org.trencadis.source;

import java.io.IOException;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.storage.FileCache;

/** A path that a reader took for a checkpoint of its framework, not yet read. */
public interface FoundSource {
    /** Why it was taken for that: sentences without paths outside the checkpoint. */
    List<String> evidence();

    /**
     * The proved catalog, with the facts {@code source}, {@code evidence} and {@code base}; the caller closes it.
     *
     * @throws SourceException when what the files hold is wrong, incomplete or ambiguous
     */
    Catalog read(SourceOptions options, FileCache cache) throws IOException;
}
