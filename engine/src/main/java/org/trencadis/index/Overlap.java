package org.trencadis.index;

import java.io.IOException;
import java.util.Arrays;
import org.trencadis.tensor.Box;

/**
 * Looks for two regions with an element in common, where regions need not cover everything.
 *
 * <p>Boxes are divided at the median of an axis, again and again, until few are left, which are compared in pairs. A box
 * on both sides goes to both, so the axis is the one that cuts the fewest.
 */
final class Overlap {
    private static final int PAIRS_BELOW = 12;
    private static final int MAX_BOXES = 1 << 21;

    private final int order;
    /** Per box: offset and end of each axis. */
    private long[] bounds = new long[1 << 8];

    private int count;

    private Overlap(int order) {
        this.order = order;
    }

    /**
     * A box of elements that two regions hold, or null.
     *
     * @throws CatalogException for more boxes than can be held
     */
    static Box find(int order, Coverage.Regions regions) throws IOException {
        Overlap overlap = new Overlap(order);
        boolean[] tooMany = new boolean[1];
        regions.forEach(region -> region.forEachBox(box -> tooMany[0] |= !overlap.add(box)));
        if (tooMany[0]) {
            throw new CatalogException("a partial copy of more than " + MAX_BOXES + " boxes");
        }
        int[] all = new int[overlap.count];
        Arrays.setAll(all, box -> box);
        return overlap.find(all, all.length);
    }

    private boolean add(Box box) {
        if (count == MAX_BOXES) {
            return false;
        }
        int at = count++ * 2 * order;
        if (at + 2 * order > bounds.length) {
            bounds = Arrays.copyOf(bounds, Math.max(2 * bounds.length, at + 2 * order));
        }
        for (int axis = 0; axis < order; axis++) {
            bounds[at + axis] = box.offsets()[axis];
            bounds[at + order + axis] = box.end(axis);
        }
        return true;
    }

    private long offset(int box, int axis) {
        return bounds[box * 2 * order + axis];
    }

    private long end(int box, int axis) {
        return bounds[box * 2 * order + order + axis];
    }

    private Box find(int[] boxes, int size) {
        if (size < PAIRS_BELOW) {
            return findPair(boxes, size);
        }
        long best = Long.MAX_VALUE;
        int bestAxis = -1;
        long bestCut = 0;
        for (int axis = 0; axis < order; axis++) {
            long cut = median(boxes, size, axis);
            long below = 0;
            long above = 0;
            for (int i = 0; i < size; i++) {
                below += offset(boxes[i], axis) < cut ? 1 : 0;
                above += end(boxes[i], axis) > cut ? 1 : 0;
            }
            long larger = Math.max(below, above);
            if (larger < size && larger < best) {
                best = larger;
                bestAxis = axis;
                bestCut = cut;
            }
        }
        return bestAxis < 0 ? findPair(boxes, size) : divide(boxes, size, bestAxis, bestCut);
    }

    private Box divide(int[] boxes, int size, int axis, long cut) {
        int[] part = new int[size];
        for (int side = 0; side < 2; side++) {
            int kept = 0;
            for (int i = 0; i < size; i++) {
                boolean here = side == 0 ? offset(boxes[i], axis) < cut : end(boxes[i], axis) > cut;
                if (here) {
                    part[kept++] = boxes[i];
                }
            }
            Box found = find(Arrays.copyOf(part, kept), kept);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    /** The middle of the boxes' offsets but for the lowest, so that it divides where anything does. */
    private long median(int[] boxes, int size, int axis) {
        long[] offsets = new long[size];
        for (int i = 0; i < size; i++) {
            offsets[i] = offset(boxes[i], axis);
        }
        Arrays.sort(offsets);
        int middle = size / 2;
        while (middle < size - 1 && offsets[middle] == offsets[0]) {
            middle++;
        }
        return offsets[middle];
    }

    private Box findPair(int[] boxes, int size) {
        for (int i = 0; i < size; i++) {
            for (int j = i + 1; j < size; j++) {
                Box both = box(boxes[i]).findIntersection(box(boxes[j]));
                if (both != null) {
                    return both;
                }
            }
        }
        return null;
    }

    private Box box(int number) {
        long[] offsets = new long[order];
        long[] extents = new long[order];
        for (int axis = 0; axis < order; axis++) {
            offsets[axis] = offset(number, axis);
            extents[axis] = end(number, axis) - offsets[axis];
        }
        return new Box(offsets, extents);
    }
}
