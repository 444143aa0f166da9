package org.trencadis.source;

import java.io.IOException;

/** A checkpoint directory that cannot be read as one: the message names file, what was expected and what to do. */
public final class SourceException extends IOException {
    private static final long serialVersionUID = 1L;

    public SourceException(String message) {
        super(message);
    }

    public SourceException(String message, Throwable cause) {
        super(message, cause);
    }
}
