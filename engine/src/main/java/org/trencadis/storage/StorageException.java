package org.trencadis.storage;

import java.io.IOException;
import java.nio.file.Path;

/** A file that is not what it was: changed, replaced or cut since it was opened or linked. Names the file. */
public final class StorageException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient Path file;

    public StorageException(Path file, String message) {
        super(file + ": " + message);
        this.file = file;
    }

    public StorageException(Path file, String message, Throwable cause) {
        super(file + ": " + message, cause);
        this.file = file;
    }

    /** The file at fault. */
    public Path file() {
        return file;
    }
}
