package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Where the bytes of a storage come from when an archive is read or written. */
@FunctionalInterface
public interface StorageBytes {
    /** Fills {@code target} with the storage's bytes from {@code offset} on. Safe for several threads. */
    void read(long offset, MemorySegment target) throws IOException;
}
