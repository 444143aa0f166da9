package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** A file of an exported format that need not exist anywhere: its bytes are made when they are read. */
public sealed interface VirtualFile permits SafetensorsFile, TextFile, UniversalFile {
    /** Its name in the directory of the export. */
    String name();

    long sizeBytes();

    /**
     * Fills {@code target} with the bytes from {@code offset} on; the range lies in the file. Safe for several threads.
     */
    void read(long offset, MemorySegment target) throws IOException;
}
