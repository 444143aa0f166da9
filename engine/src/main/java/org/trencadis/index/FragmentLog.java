package org.trencadis.index;

import java.io.IOException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/**
 * Fragments and extents in the order in which a source met them, off the heap.
 *
 * <p>One fragment takes {@link #FIXED_BYTES} and sixteen bytes an axis: copy, encoding, holders, extents, interval, box.
 */
final class FragmentLog implements AutoCloseable {
    static final int FIXED_BYTES = 40;
    static final int EXTENT_BYTES = 24;

    private final ElasticBuffer fragments = new ElasticBuffer();
    private final ElasticBuffer extents = new ElasticBuffer();
    private long fragmentCount;

    void add(int copy, Region region, int encoding, int holders) throws IOException {
        Box box = region.box();
        fragments.putInt(copy);
        fragments.putInt(encoding);
        fragments.putInt(holders);
        fragments.putInt(box.order());
        fragments.putLong(extents.size() / EXTENT_BYTES);
        fragments.putLong(region.start());
        fragments.putLong(region.count());
        for (long offset : box.offsets()) {
            fragments.putLong(offset);
        }
        for (long extent : box.extents()) {
            fragments.putLong(extent);
        }
        fragmentCount++;
    }

    void addExtent(int file, long offset, long lengthBytes) throws IOException {
        extents.putLong(file);
        extents.putLong(offset);
        extents.putLong(lengthBytes);
    }

    /** Ends writing; to be called before the first read. */
    void freeze() throws IOException {
        fragments.freeze();
        extents.freeze();
    }

    long fragmentCount() {
        return fragmentCount;
    }

    long extentCount() {
        return extents.size() / EXTENT_BYTES;
    }

    ElasticBuffer fragments() {
        return fragments;
    }

    ElasticBuffer extents() {
        return extents;
    }

    @Override
    public void close() throws IOException {
        try (fragments) {
            extents.close();
        }
    }
}
