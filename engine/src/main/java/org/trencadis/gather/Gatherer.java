package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Copy;
import org.trencadis.index.Tensor;
import org.trencadis.plan.GatherPlanner;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * Fetches elements of tensors as canonical bytes: row-major, little-endian, blends combined. Safe for several threads.
 *
 * <p>A blend of a float type is read as the mean of its copies: each element widened to float32, summed in the order of
 * the copies in float32, divided once by their number in float32, and rounded to nearest even where the type has 16 bits;
 * float64 is summed and divided as float64. There is one exception: the {@code model} tensor of a parameter whose
 * {@code fp32} master is a blend of as many copies, each copy being the rounding of the master's same copy, is read as
 * the rounding of the master's mean. No other type can be blended.
 */
public final class Gatherer {
    /** Elements of a blend that are combined at a time. */
    private static final int BLEND_ELEMENTS = 1 << 15;

    private final Catalog catalog;
    private final CheckpointFiles files;
    private final GatherPlanner planner;
    /** Whether a blended model tensor is the rounding of its blended master, by ordinal, once that is known. */
    private final Map<Integer, Boolean> rounded = new ConcurrentHashMap<>();

    public Gatherer(Catalog catalog, CheckpointFiles files) {
        this.catalog = catalog;
        this.files = files;
        this.planner = new GatherPlanner(catalog);
    }

    public Catalog catalog() {
        return catalog;
    }

    public CheckpointFiles files() {
        return files;
    }

    public GatherPlanner planner() {
        return planner;
    }

    /**
     * The region that a copy fills: the whole tensor; for a margin (from {@code copyCount} on) the smallest box around its
     * fragments. A margin's canonical bytes are those of that box.
     */
    public Region copyRegion(Tensor tensor, int copy) throws IOException {
        if (copy < tensor.copyCount()) {
            return Region.whole(tensor.shape());
        }
        return Region.of(catalog.marginBox(catalog.copy(tensor, copy)));
    }

    /** Writes the elements of {@code region} in the row-major order of its box to {@code target}, from byte 0. */
    public void gather(Tensor tensor, Region region, MemorySegment target) throws IOException {
        if (!tensor.blend()) {
            gatherCopy(tensor, 0, region, target);
            return;
        }
        Tensor master = findBlendedMaster(tensor);
        if (master != null && isRounded(tensor, master)) {
            gatherRounded(tensor, master, region, target);
        } else {
            gatherMean(tensor, copies(tensor.copyCount()), region, target);
        }
    }

    /**
     * The same for one copy of the tensor; from {@code copyCount} on, its margins.
     *
     * @throws CatalogException where the copy does not hold all of the region
     */
    public void gatherCopy(Tensor tensor, int copy, Region region, MemorySegment target) throws IOException {
        Copy record = catalog.copy(tensor, copy);
        int unitBytes = GatherPlanner.unitBytes(tensor.dtype());
        long[] units = new long[1];
        try (FragmentReader reader = new FragmentReader(catalog, files, tensor.dtype())) {
            planner.planGather(tensor, record, region, (fragment, source, step, at, count) -> {
                reader.read(fragment, source, step, count, target, at);
                units[0] += count;
            });
        }
        if (units[0] * unitBytes != tensor.dtype().bytes(region.count())) {
            throw new CatalogException("tensor " + tensor.key() + ", copy " + copy + ": " + units[0] * unitBytes
                    + " bytes cover " + region + " of " + tensor.dtype().bytes(region.count()) + " bytes");
        }
    }

    /**
     * The elements of {@code region} as a read-only part of a mapping where they lie in one run there, else null. Valid
     * until {@link #files} are closed.
     */
    public MemorySegment findView(Tensor tensor, Region region) throws IOException {
        if (tensor.blend() || region.count() == 0) {
            return null;
        }
        long bytes = tensor.dtype().bytes(region.count());
        MemorySegment[] view = new MemorySegment[1];
        try (FragmentReader reader = new FragmentReader(catalog, files, tensor.dtype())) {
            int unitBytes = GatherPlanner.unitBytes(tensor.dtype());
            planner.planGather(tensor, catalog.copy(tensor, 0), region, (fragment, source, step, at, count) -> {
                if (count * unitBytes == bytes && (step == unitBytes || count == 1)) {
                    view[0] = reader.findView(fragment, source, bytes);
                }
            });
        }
        return view[0];
    }

    /** The numbers of all copies of a blend. */
    private static int[] copies(int count) {
        int[] copies = new int[count];
        Arrays.setAll(copies, copy -> copy);
        return copies;
    }

    /** The mean of some copies, as blends are combined. */
    void gatherMean(Tensor tensor, int[] copies, Region region, MemorySegment target) throws IOException {
        if (!tensor.dtype().isFloat()) {
            throw new CatalogException("the copies of tensor " + tensor.key() + " cannot be averaged: its type is "
                    + tensor.dtype().torchName());
        }
        int block = (int) Math.min(BLEND_ELEMENTS, region.count());
        Mean mean = new Mean(tensor.dtype(), block);
        MemorySegment buffer =
                MemorySegment.ofArray(new byte[block * tensor.dtype().bytes()]);
        for (long done = 0; done < region.count(); done += block) {
            int count = (int) Math.min(block, region.count() - done);
            for (int i = 0; i < copies.length; i++) {
                gatherCopy(tensor, copies[i], region.part(done, count), buffer);
                mean.add(buffer, count, i == 0);
            }
            mean.divide(copies.length, count, target, done * tensor.dtype().bytes());
        }
    }

    /** The mean of the complete copies of replicas that disagree. */
    void gatherAverage(Tensor tensor, Region region, MemorySegment target) throws IOException {
        int[] complete = new int[tensor.copyCount()];
        int count = 0;
        for (int copy = 0; copy < complete.length; copy++) {
            if (catalog.copy(tensor, copy).complete()) {
                complete[count++] = copy;
            }
        }
        gatherMean(tensor, Arrays.copyOf(complete, count), region, target);
    }

    private void gatherRounded(Tensor tensor, Tensor master, Region region, MemorySegment target) throws IOException {
        int block = (int) Math.min(BLEND_ELEMENTS, region.count());
        MemorySegment buffer = MemorySegment.ofArray(new byte[block * Float.BYTES]);
        for (long done = 0; done < region.count(); done += block) {
            int count = (int) Math.min(block, region.count() - done);
            gatherMean(master, copies(master.copyCount()), region.part(done, count), buffer);
            Convert.convert(
                    Dtype.FLOAT32,
                    buffer,
                    0,
                    tensor.dtype(),
                    target,
                    done * tensor.dtype().bytes(),
                    count);
        }
    }

    private Tensor findBlendedMaster(Tensor tensor) throws IOException {
        if (!tensor.state().equals(Rounding.MODEL)) {
            return null;
        }
        int ordinal = catalog.findTensor(tensor.name(), Rounding.MASTER);
        Tensor master = ordinal < 0 ? null : catalog.tensor(ordinal);
        return master != null && Rounding.isCandidate(master, tensor) ? master : null;
    }

    /** Whether each copy of {@code tensor} is the rounding of the same copy of {@code master}; read once if need be. */
    private boolean isRounded(Tensor tensor, Tensor master) throws IOException {
        if (tensor.root() != null) {
            return tensor.derived();
        }
        Boolean known = rounded.get(tensor.ordinal());
        if (known == null) {
            known = Rounding.holds(this, master, tensor);
            rounded.put(tensor.ordinal(), known);
        }
        return known;
    }
}
