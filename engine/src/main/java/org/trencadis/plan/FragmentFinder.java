package org.trencadis.plan;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/**
 * Finds the fragments of a copy that may meet a region, without looking at all of them. Safe for several threads.
 *
 * <p>Fragments are sorted by the row-major position of their first element. One can meet a region only where its first
 * element does not come after the region's last, and its last not before the region's first. The first half is a binary
 * search. For the second, fragments are taken in blocks; the greatest last position of a block and of all before it
 * never decreases from block to block, so it can be searched too. It is computed when a copy is first asked for.
 */
final class FragmentFinder {
    /** A copy of fewer fragments is scanned. */
    private static final int SCAN_BELOW = 48;

    private static final int BLOCK_FRAGMENTS = 64;
    private static final int MAX_BLOCKS = 1 << 16;

    /** Blocks remembered over all copies, eight bytes each. */
    private static final int MAX_REMEMBERED = 1 << 18;

    private final Catalog catalog;
    private final Map<Long, long[]> lastPositions = new LinkedHashMap<>(16, 0.75f, true);
    private int remembered;

    FragmentFinder(Catalog catalog) {
        this.catalog = catalog;
    }

    /** Hands out, in order, every fragment that meets {@code region} and perhaps some that do not. */
    void forEach(Tensor tensor, Copy copy, Region region, Catalog.FragmentSink sink) throws IOException {
        if (region.count() == 0) {
            return;
        }
        if (copy.margin() || copy.fragmentCount() < SCAN_BELOW) {
            catalog.forEachFragment(copy, sink);
            return;
        }
        Box whole = Box.whole(tensor.shape());
        long lowest = whole.flatten(region.first());
        long highest = whole.flatten(region.last());
        long end = firstAfter(copy, whole, highest);
        for (long number = firstReaching(copy, whole, lowest); number < end; number++) {
            Fragment fragment = catalog.fragment(copy, number);
            if (fragment.region().count() > 0 && lastPosition(whole, fragment.region()) >= lowest) {
                sink.accept(fragment);
            }
        }
    }

    /** The number of the first fragment that starts after position {@code highest}. */
    private long firstAfter(Copy copy, Box whole, long highest) throws IOException {
        long low = 0;
        long high = copy.fragmentCount();
        while (low < high) {
            long middle = (low + high) >>> 1;
            Region region = catalog.fragment(copy, middle).region();
            long position = region.count() == 0 ? -1 : whole.flatten(region.first());
            if (position > highest) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }

    /** The number of a fragment before which none ends at {@code lowest} or later. */
    private long firstReaching(Copy copy, Box whole, long lowest) throws IOException {
        long[] greatest = lastPositions(copy, whole);
        int low = 0;
        int high = greatest.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (greatest[middle] >= lowest) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low * blockFragments(copy);
    }

    private static long blockFragments(Copy copy) {
        return Math.max(BLOCK_FRAGMENTS, (copy.fragmentCount() + MAX_BLOCKS - 1) / MAX_BLOCKS);
    }

    private long[] lastPositions(Copy copy, Box whole) throws IOException {
        synchronized (lastPositions) {
            long[] known = lastPositions.get(copy.ordinal());
            if (known != null) {
                return known;
            }
        }
        long[] computed = computeLastPositions(copy, whole);
        synchronized (lastPositions) {
            if (lastPositions.put(copy.ordinal(), computed) == null) {
                remembered += computed.length;
            }
            var oldest = lastPositions.values().iterator();
            while (remembered > MAX_REMEMBERED && lastPositions.size() > 1) {
                remembered -= oldest.next().length;
                oldest.remove();
            }
        }
        return computed;
    }

    private long[] computeLastPositions(Copy copy, Box whole) throws IOException {
        long block = blockFragments(copy);
        long[] greatest = new long[Math.toIntExact((copy.fragmentCount() + block - 1) / block)];
        long most = -1;
        for (long number = 0; number < copy.fragmentCount(); number++) {
            Region region = catalog.fragment(copy, number).region();
            most = region.count() == 0 ? most : Math.max(most, lastPosition(whole, region));
            greatest[(int) (number / block)] = most;
        }
        return greatest;
    }

    /** A region's last element in its own order is also the last of them in the tensor's. */
    private static long lastPosition(Box whole, Region region) {
        return whole.flatten(region.last());
    }
}
