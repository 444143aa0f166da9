package org.trencadis.plan;

import java.io.IOException;
import java.util.BitSet;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Copy;
import org.trencadis.index.Encoding;
import org.trencadis.index.Extent;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Runs;

/**
 * Says which bytes of which fragments make up a region of a tensor. Reads nothing but the catalog. Safe for several
 * threads.
 */
public final class GatherPlanner {
    private static final long PAGE_BYTES = 4096;

    private final Catalog catalog;
    private final FragmentFinder finder;

    public GatherPlanner(Catalog catalog) {
        this.catalog = catalog;
        this.finder = new FragmentFinder(catalog);
    }

    /** Receives copy runs. */
    @FunctionalInterface
    public interface Sink {
        /**
         * A run of units: elements, or bytes where several elements share one (see {@link #unitBytes}).
         *
         * @param fragment the same object for all runs of a fragment, which follow each other
         * @param sourceBytes position of the first unit in the fragment's bytes, 0 being the region's first element;
         *     negative where strides are
         * @param stepBytes from one unit to the next in the source; the width of a unit where they lie together
         * @param targetBytes position in the target, where units lie together
         * @param units length of the run, at least 1
         */
        void run(Fragment fragment, long sourceBytes, long stepBytes, long targetBytes, long units) throws IOException;
    }

    /** The bytes that runs are counted in: an element's, or 1 for types of less than a byte. */
    public static int unitBytes(Dtype dtype) {
        return dtype.bits() % 8 == 0 ? dtype.bytes() : 1;
    }

    /**
     * Hands out the runs that bring the elements of {@code region} from {@code copy} to a target that holds them in
     * the row-major order of its box. Runs that continue each other inside a fragment are joined.
     *
     * @throws CatalogException where elements of less than a byte would have to be moved by part of one
     */
    public void planGather(Tensor tensor, Copy copy, Region region, Sink sink) throws IOException {
        Dtype dtype = tensor.dtype();
        finder.forEach(tensor, copy, region, fragment -> {
            Encoding encoding = fragment.encoding() < 0 ? null : catalog.encoding(fragment.encoding());
            long[] strides = encoding == null ? null : encoding.strides();
            Runs.Merged merged = new Runs.Merged(
                    dtype.bits() % 8 == 0
                            ? wholeBytes(dtype.bytes(), fragment, sink)
                            : packed(tensor, region, fragment, sink));
            Runs.between(fragment.region(), strides, region, merged);
            merged.flush();
        });
    }

    private static Runs.Sink wholeBytes(int bytes, Fragment fragment, Sink sink) {
        return (source, step, target, count) -> sink.run(
                fragment, Math.multiplyExact(source, bytes), Math.multiplyExact(step, bytes), target * bytes, count);
    }

    /** Runs of packed elements must start on a byte, and end on one or with the last element on both sides. */
    private static Runs.Sink packed(Tensor tensor, Region region, Fragment fragment, Sink sink) {
        int bits = tensor.dtype().bits();
        return (source, step, target, count) -> {
            boolean last = target + count == region.count()
                    && source + count == fragment.region().count();
            boolean aligned = source * bits % 8 == 0 && target * bits % 8 == 0 && (count * bits % 8 == 0 || last);
            if (!aligned || step != 1 && count > 1) {
                throw new CatalogException("tensor " + tensor.key() + " of packed "
                        + tensor.dtype().torchName() + " can only be cut where elements start on a byte, not at "
                        + region);
            }
            sink.run(
                    fragment,
                    source * bits / 8,
                    1,
                    target * bits / 8,
                    tensor.dtype().bytes(count));
        };
    }

    /**
     * What gathering a region would cost.
     *
     * @param bytes moved
     * @param touchedBytes the 4 KiB pages that hold them; runs that share a page with the one before count it once
     * @param files ordinals of the files
     */
    public record Cost(long bytes, long touchedBytes, long runs, long fragments, BitSet files) {}

    /** Adds up the runs of {@link #planGather}. Extents of shards are taken as if their chunks were stored raw. */
    public Cost planCost(Tensor tensor, Copy copy, Region region) throws IOException {
        CostSink sink = new CostSink(unitBytes(tensor.dtype()));
        planGather(tensor, copy, region, sink);
        return new Cost(sink.bytes, sink.pages * PAGE_BYTES, sink.runs, sink.fragments, sink.files);
    }

    private final class CostSink implements Sink {
        private final int unitBytes;
        private final BitSet files = new BitSet();
        private Fragment current;
        private Extent extent;
        private long bytes;
        private long pages;
        private long lastPage;
        /** Whether the current fragment is a stream, of which all is touched whatever is wanted. */
        private boolean stream;

        private long runs;
        private long fragments;

        CostSink(int unitBytes) {
            this.unitBytes = unitBytes;
        }

        @Override
        public void run(Fragment fragment, long source, long step, long target, long units) throws IOException {
            if (!isCurrent(fragment)) {
                begin(fragment);
            }
            runs++;
            bytes += units * unitBytes;
            if (stream) {
                return;
            }
            long at = extent.offset() + source;
            long end = at + (units - 1) * step;
            long first = Math.min(at, end) / PAGE_BYTES;
            long last = (Math.max(at, end) + unitBytes - 1) / PAGE_BYTES;
            long spanned = last - first + 1 - (first == lastPage ? 1 : 0);
            pages += Math.abs(step) < PAGE_BYTES ? spanned : Math.min(spanned, units);
            lastPage = last;
        }

        @SuppressWarnings("ReferenceEquality") // the planner hands out one object a fragment
        private boolean isCurrent(Fragment fragment) {
            return fragment == current;
        }

        private void begin(Fragment fragment) throws IOException {
            current = fragment;
            fragments++;
            lastPage = -1;
            extent = catalog.extent(fragment, 0);
            stream = fragment.encoding() >= 0
                    && catalog.encoding(fragment.encoding()).zstd();
            if (stream) {
                pages += (extent.offset() + extent.lengthBytes() - 1) / PAGE_BYTES - extent.offset() / PAGE_BYTES + 1;
            }
            for (int number = 0; number < fragment.extentCount(); number++) {
                files.set(catalog.extent(fragment, number).file());
            }
        }
    }
}
