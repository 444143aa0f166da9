package org.trencadis.layout;

import java.io.IOException;

/** A layout that cannot be understood or that a format cannot have: the message says what is wrong and what is possible. */
public final class LayoutException extends IOException {
    private static final long serialVersionUID = 1L;

    public LayoutException(String message) {
        super(message);
    }

    public LayoutException(String message, Throwable cause) {
        super(message, cause);
    }
}
