package org.trencadis.index;

import java.io.IOException;

/** A catalog that contradicts itself: a hole, an overlap, two shapes of one tensor. Nothing is wrong with our own files. */
public final class CatalogException extends IOException {
    private static final long serialVersionUID = 1L;

    public CatalogException(String message) {
        super(message);
    }
}
