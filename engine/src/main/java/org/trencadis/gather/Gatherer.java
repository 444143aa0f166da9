package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/** Fetches elements of tensors as canonical bytes: row-major, little-endian, blends combined. Safe for several threads. */
public final class Gatherer {
    private final Catalog catalog;
    private final CheckpointFiles files;

    public Gatherer(Catalog catalog, CheckpointFiles files) {
        this.catalog = catalog;
        this.files = files;
    }

    public Catalog catalog() {
        return catalog;
    }

    public CheckpointFiles files() {
        return files;
    }

    /** Writes the elements of {@code region} in the row-major order of its box to {@code target}, from byte 0. */
    public void gather(Tensor tensor, Region region, MemorySegment target) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The same for one copy of the tensor; from {@code copyCount} on, its margins. */
    public void gatherCopy(Tensor tensor, int copy, Region region, MemorySegment target) throws IOException {
        throw new UnsupportedOperationException("stub");
    }

    /** The elements of {@code region} as a read-only part of a mapping where they lie in one run there, else null. */
    public MemorySegment findView(Tensor tensor, Region region) throws IOException {
        throw new UnsupportedOperationException("stub");
    }
}
