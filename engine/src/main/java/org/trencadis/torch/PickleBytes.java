package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/**
 * The part of a file that is a pickle.
 *
 * @param section what a message calls it, as {@code data.pkl}
 * @param start position in the file of its first byte
 * @param length bytes that the pickle may take at most
 */
record PickleBytes(FileLease lease, String section, long start, long length) {
    String resource() {
        return lease.file().toString();
    }

    /** Copies bytes of the pickle; {@code offset} is relative to its start, the range lies in it. */
    void read(long offset, byte[] target, int targetOffset, int count) throws IOException {
        lease.read(start + offset, MemorySegment.ofArray(target), targetOffset, count);
    }

    Place place(long offset) {
        return new Place(resource(), section, start + offset);
    }

    FormatException.Corrupt corrupt(String rule, Object expected, Object actual, long offset) {
        return new FormatException.Corrupt(rule, expected, actual, place(offset));
    }
}
