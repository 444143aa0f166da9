package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.TreeSet;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Copy;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.plan.GatherPlanner;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/** Compares the replicas of a tensor with its copy 0, on the elements that both hold. For one thread. */
final class ReplicaCheck {
    private static final int BUFFER_BYTES = 256 * 1024;

    private final Gatherer gatherer;
    private final Catalog catalog;
    private final MemorySegment buffer = MemorySegment.ofArray(new byte[BUFFER_BYTES]);

    ReplicaCheck(Gatherer gatherer) {
        this.gatherer = gatherer;
        this.catalog = gatherer.catalog();
    }

    /**
     * Compares a part that was gathered from copy 0.
     *
     * @param bytes its canonical bytes
     * @throws CatalogException naming the tensor, the copy, its first element that differs, and the files
     */
    void check(Tensor tensor, Region part, MemorySegment bytes) throws IOException {
        for (int copy = 1; copy < tensor.copyCount(); copy++) {
            if (findDifference(tensor, copy, part, bytes) >= 0) {
                throw disagreement(tensor, copy);
            }
        }
    }

    /** Whether some replica of a whole tensor differs from copy 0. */
    boolean disagrees(Tensor tensor) throws IOException {
        for (int copy = 1; copy < tensor.copyCount(); copy++) {
            if (findDifference(tensor, copy) >= 0) {
                return true;
            }
        }
        return false;
    }

    /** The position in a whole tensor of the first element where a copy differs from copy 0, or -1. */
    private long findDifference(Tensor tensor, int copy) throws IOException {
        int block = BUFFER_BYTES / Math.max(1, tensor.dtype().bits() / 8);
        MemorySegment bytes = MemorySegment.ofArray(new byte[BUFFER_BYTES]);
        Region whole = Region.whole(tensor.shape());
        for (long done = 0; done < whole.count(); done += block) {
            Region part = whole.part(done, Math.min(block, whole.count() - done));
            gatherer.gatherCopy(tensor, 0, part, bytes);
            long difference = findDifference(tensor, copy, part, bytes);
            if (difference >= 0) {
                return done + difference * 8 / tensor.dtype().bits();
            }
        }
        return -1;
    }

    /** The first byte of a part where a copy differs from {@code bytes}, or -1. */
    private long findDifference(Tensor tensor, int copy, Region part, MemorySegment bytes) throws IOException {
        long[] first = {Long.MAX_VALUE};
        int unitBytes = GatherPlanner.unitBytes(tensor.dtype());
        int blockUnits = BUFFER_BYTES / unitBytes;
        Copy record = catalog.copy(tensor, copy);
        try (FragmentReader reader = new FragmentReader(catalog, gatherer.files(), tensor.dtype())) {
            gatherer.planner().planGather(tensor, record, part, (fragment, source, step, at, units) -> {
                for (long done = 0; done < units && at + done * unitBytes < first[0]; done += blockUnits) {
                    long count = Math.min(blockUnits, units - done);
                    reader.read(fragment, source + done * step, step, count, buffer, 0);
                    long from = at + done * unitBytes;
                    long mismatch =
                            MemorySegment.mismatch(buffer, 0, count * unitBytes, bytes, from, from + count * unitBytes);
                    if (mismatch >= 0) {
                        first[0] = Math.min(first[0], from + mismatch);
                        return;
                    }
                }
            });
        }
        return first[0] == Long.MAX_VALUE ? -1 : first[0];
    }

    /** Pieces are compared in no order, so the first element that differs is looked for again. */
    private CatalogException disagreement(Tensor tensor, int copy) throws IOException {
        long element = findDifference(tensor, copy);
        if (element < 0) {
            return new CatalogException("tensor " + tensor.key() + ": copies changed while they were compared");
        }
        long[] point = Box.whole(tensor.shape()).unflatten(element);
        return new CatalogException("copies of tensor " + tensor.key() + " disagree: copy " + copy
                + " differs from copy 0, first at element " + Arrays.toString(point) + " (files: "
                + String.join(", ", files(tensor, 0, point)) + " and "
                + String.join(", ", files(tensor, copy, point)) + "); choose with --copies first, N or average");
    }

    private TreeSet<String> files(Tensor tensor, int copy, long[] point) throws IOException {
        long[] ones = new long[point.length];
        Arrays.fill(ones, 1);
        TreeSet<String> names = new TreeSet<>();
        Region element = Region.of(new Box(point, ones));
        Copy record = catalog.copy(tensor, copy);
        if (tensor.dtype().bits() % 8 == 0) {
            gatherer.planner().planGather(tensor, record, element, (fragment, source, step, at, units) -> {
                names.add(file(fragment));
            });
        }
        return names;
    }

    private String file(Fragment fragment) throws IOException {
        var entry = catalog.file(catalog.extent(fragment, 0).file());
        return entry.shard() ? java.util.HexFormat.of().formatHex(entry.digest()) + ".shard" : entry.path();
    }
}
