package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Path;

/** The reader of one framework's checkpoints: knows them by their file names, never by their tensors. */
public interface SourceReader {
    /** What {@code --source} calls it. */
    String name();

    /**
     * The checkpoint that {@code path} is or points to, or null where nothing speaks for this framework.
     *
     * @param path a directory or a regular file
     * @throws SourceException when it is this framework's but cannot be read as one: a pointer to nothing, several tags
     */
    FoundSource find(Path path) throws IOException;

    /** Why {@link #find} answers null where files of this framework are there all the same; else null. */
    default String findHindrance(Path path) throws IOException {
        return null;
    }
}
