package org.trencadis.index;

import java.io.IOException;
import java.util.Arrays;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/**
 * The proof that regions cover a tensor, each element exactly once.
 *
 * <p>How it works: the count of regions over each element is a function on the grid. Its mixed difference is non-zero
 * only at corners of boxes, with a sign for each corner, and two functions with the same difference are the same. So the
 * regions cover everything exactly once if, and only if, their signed corners cancel to those of the whole tensor. No
 * sorting and no pairs: one pass over the boxes in any order. Where they do not cancel, the first corner in row-major
 * order that is left is an element that is covered 1 + its sum times.
 */
public final class Coverage {
    /** Axes that are really cut; more would mean 2^n corners a box. */
    private static final int MAX_CUT_AXES = 16;

    private static final int MAX_LIVE_CORNERS = 1 << 22;

    private Coverage() {}

    /** A list of regions that can be walked more than once. */
    @FunctionalInterface
    public interface Regions {
        void forEach(Sink sink) throws IOException;
    }

    /** Receives regions. */
    @FunctionalInterface
    public interface Sink {
        void accept(Region region) throws IOException;
    }

    /**
     * An element that is not covered exactly once.
     *
     * @param point its position
     * @param times how often it is covered: 0 for a hole, 2 or more for an overlap
     */
    public record Fault(long[] point, long times) {}

    /**
     * The first element in row-major order that is not covered exactly once, or null.
     *
     * @throws CatalogException when a region leaves {@code shape} or is of another order
     */
    public static Fault findFault(long[] shape, Regions regions) throws IOException {
        checkInside(shape, regions);
        if (Shapes.elements(shape) == 0) {
            return null;
        }
        int[] axes = cutAxes(shape, regions);
        if (axes.length > MAX_CUT_AXES) {
            throw new CatalogException(
                    "a tensor is cut along " + axes.length + " axes, at most " + MAX_CUT_AXES + " are supported");
        }
        for (int parts = 1; ; parts *= 4) {
            Fault fault = new Fault(null, 0);
            boolean fits = true;
            for (int part = 0; part < parts && fits; part++) {
                Corners corners = new Corners(shape, axes, parts, part);
                fits = corners.addAll(regions);
                if (fits) {
                    fault = earlier(fault, corners.findFirst());
                }
            }
            if (fits) {
                return fault.point() == null ? null : fault;
            }
        }
    }

    private static Fault earlier(Fault left, Fault right) {
        if (right == null) {
            return left;
        }
        boolean first = left.point() == null || Arrays.compare(right.point(), left.point()) < 0;
        return first ? right : left;
    }

    private static void checkInside(long[] shape, Regions regions) throws IOException {
        regions.forEach(region -> {
            if (!region.box().isInside(shape)) {
                throw new CatalogException(
                        "region " + region + " is not inside a tensor of shape " + Shapes.print(shape));
            }
        });
    }

    /** The axes along which some box does not span the tensor; the others cannot matter. */
    private static int[] cutAxes(long[] shape, Regions regions) throws IOException {
        boolean[] cut = new boolean[shape.length];
        int[] left = {shape.length};
        regions.forEach(region -> {
            if (left[0] == 0) {
                return;
            }
            if (region.isWholeBox()) {
                left[0] -= mark(cut, shape, region.box());
            } else {
                region.forEachBox(box -> left[0] -= mark(cut, shape, box));
            }
        });
        int[] axes = new int[shape.length - left[0]];
        int next = 0;
        for (int axis = 0; axis < cut.length; axis++) {
            if (cut[axis]) {
                axes[next++] = axis;
            }
        }
        return axes;
    }

    private static int mark(boolean[] cut, long[] shape, Box box) {
        int marked = 0;
        for (int axis = 0; axis < cut.length; axis++) {
            if (!cut[axis] && box.extents()[axis] != shape[axis]) {
                cut[axis] = true;
                marked++;
            }
        }
        return marked;
    }

    /** The signed corners whose hash falls in one part: open addressing, keys are row-major positions of corners. */
    private static final class Corners {
        private final long[] shape;
        private final int[] axes;
        private final long[] strides;
        private final int parts;
        private final int part;
        private long[] keys = new long[1 << 10];
        private int[] sums = new int[1 << 10];
        private int used;
        private boolean overflow;

        Corners(long[] shape, int[] axes, int parts, int part) throws CatalogException {
            this.shape = shape;
            this.axes = axes;
            this.parts = parts;
            this.part = part;
            this.strides = new long[axes.length];
            try {
                long stride = 1;
                for (int i = axes.length - 1; i >= 0; i--) {
                    strides[i] = stride;
                    stride = Math.multiplyExact(stride, shape[axes[i]] + 1);
                }
            } catch (ArithmeticException e) {
                throw new CatalogException("a tensor of shape " + Shapes.print(shape) + " has 2^63 positions or more");
            }
            Arrays.fill(keys, -1);
        }

        /** Whether the corners of all regions less those of the whole tensor fit this table. */
        boolean addAll(Regions regions) throws IOException {
            regions.forEach(region -> {
                if (region.isWholeBox()) {
                    addBox(region.box(), 1);
                } else {
                    region.forEachBox(box -> addBox(box, 1));
                }
            });
            addBox(Box.whole(shape), -1);
            return !overflow;
        }

        private void addBox(Box box, int sign) {
            if (overflow || box.elements() == 0) {
                return;
            }
            for (int corner = 0; corner < 1 << axes.length; corner++) {
                long key = 0;
                for (int i = 0; i < axes.length; i++) {
                    boolean upper = (corner >> i & 1) != 0;
                    key += (upper ? box.end(axes[i]) : box.offsets()[axes[i]]) * strides[i];
                }
                add(key, (Integer.bitCount(corner) & 1) == 0 ? sign : -sign);
            }
        }

        private void add(long key, int value) {
            long hash = key * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
            if (parts > 1 && Long.remainderUnsigned(hash >>> 40, parts) != part) {
                return;
            }
            int mask = keys.length - 1;
            int slot = (int) hash & mask;
            while (keys[slot] != key && keys[slot] != -1) {
                slot = slot + 1 & mask;
            }
            if (keys[slot] == -1) {
                keys[slot] = key;
                used++;
            }
            sums[slot] = Math.addExact(sums[slot], value);
            if (used > keys.length / 2) {
                rehash();
            }
        }

        /** Drops corners that cancelled, and grows where that does not make room enough. */
        private void rehash() {
            int live = 0;
            for (int sum : sums) {
                live += sum != 0 ? 1 : 0;
            }
            int capacity = live > keys.length / 4 ? keys.length * 2 : keys.length;
            if (capacity > MAX_LIVE_CORNERS) {
                overflow = true;
                return;
            }
            long[] oldKeys = keys;
            int[] oldSums = sums;
            keys = new long[capacity];
            sums = new int[capacity];
            Arrays.fill(keys, -1);
            used = 0;
            for (int slot = 0; slot < oldKeys.length; slot++) {
                if (oldSums[slot] != 0) {
                    insert(oldKeys[slot], oldSums[slot]);
                }
            }
        }

        private void insert(long key, int sum) {
            long hash = key * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
            int slot = (int) hash & keys.length - 1;
            while (keys[slot] != -1) {
                slot = slot + 1 & keys.length - 1;
            }
            keys[slot] = key;
            sums[slot] = sum;
            used++;
        }

        /** The first corner that did not cancel, as a fault, or null. */
        Fault findFirst() {
            long first = Long.MAX_VALUE;
            int sum = 0;
            for (int slot = 0; slot < keys.length; slot++) {
                if (sums[slot] != 0 && keys[slot] < first) {
                    first = keys[slot];
                    sum = sums[slot];
                }
            }
            if (sum == 0) {
                return null;
            }
            long[] point = new long[shape.length];
            for (int i = 0; i < axes.length; i++) {
                point[axes[i]] = first / strides[i];
                first %= strides[i];
            }
            return new Fault(point, 1L + sum);
        }
    }

    /**
     * A box of elements around {@code point} that no region covers, where {@code point} itself is a hole: as large as
     * one pass over the regions finds it.
     */
    public static Box hole(long[] shape, long[] point, Regions regions) throws IOException {
        long[] ends = shape.clone();
        regions.forEach(region -> region.forEachBox(box -> shrink(ends, point, box)));
        long[] extents = new long[shape.length];
        for (int axis = 0; axis < extents.length; axis++) {
            extents[axis] = ends[axis] - point[axis];
        }
        return new Box(point, extents);
    }

    /** Moves one end so that the box from {@code point} to {@code ends} no longer meets {@code box}. */
    private static void shrink(long[] ends, long[] point, Box box) {
        int best = -1;
        double kept = -1;
        for (int axis = 0; axis < ends.length; axis++) {
            if (box.offsets()[axis] >= ends[axis] || box.end(axis) <= point[axis]) {
                return;
            }
            double share = (double) (box.offsets()[axis] - point[axis]) / (ends[axis] - point[axis]);
            if (box.offsets()[axis] > point[axis] && share > kept) {
                best = axis;
                kept = share;
            }
        }
        if (best >= 0) {
            ends[best] = box.offsets()[best];
        }
    }
}
