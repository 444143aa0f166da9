package org.trencadis.gather;

import java.util.Map;

/** Digests of everything in a checkpoint (design, "Digests"). Tensors are named by their ordinal in the catalog. */
public final class CatalogDigests {
    public byte[] root(int tensorOrdinal) {
        throw new UnsupportedOperationException("stub");
    }

    /** The root of one copy of a blend. */
    public byte[] copyRoot(int tensorOrdinal, int copy) {
        throw new UnsupportedOperationException("stub");
    }

    public boolean isDerived(int tensorOrdinal) {
        throw new UnsupportedOperationException("stub");
    }

    /** State name to state digest, sorted. */
    public Map<String, byte[]> states() {
        throw new UnsupportedOperationException("stub");
    }

    public byte[] universal() {
        throw new UnsupportedOperationException("stub");
    }

    public byte[] run() {
        throw new UnsupportedOperationException("stub");
    }
}
