package org.trencadis.tensor;

import java.util.function.Consumer;

/**
 * A box, optionally cut to the interval {@code [start, start + count)} of the box's row-major order.
 *
 * <p>A ZeRO window of a tensor is one region; it stands for at most {@code 2 * order - 1} boxes.
 *
 * @param start first element of the interval, 0 where the box is whole
 * @param count elements of the interval, all of the box's where it is whole
 */
public record Region(Box box, long start, long count) {
    public Region {
        long elements = box.elements();
        if (start < 0 || count < 0 || count > elements - start) {
            throw new IllegalArgumentException(
                    "interval [" + start + ", +" + count + ") of a box of " + elements + " elements");
        }
    }

    /** All of {@code box}. */
    public static Region of(Box box) {
        return new Region(box, 0, box.elements());
    }

    /** All of a tensor of {@code shape}. */
    public static Region whole(long[] shape) {
        return of(Box.whole(shape));
    }

    /** Whether no interval cuts the box. */
    public boolean isWholeBox() {
        return start == 0 && count == box.elements();
    }

    /** The elements {@code [from, from + count)} of this region, counted in its own order. */
    public Region part(long from, long count) {
        if (from < 0 || count < 0 || count > this.count - from) {
            throw new IllegalArgumentException("part [" + from + ", +" + count + ") of " + this.count + " elements");
        }
        return new Region(box, start + from, count);
    }

    /** The point of the first element. Only where there is one. */
    public long[] first() {
        return box.unflatten(start);
    }

    /** The point of the last element. Only where there is one. */
    public long[] last() {
        return box.unflatten(start + count - 1);
    }

    /**
     * Hands out boxes that hold exactly the region's elements, in row-major order of the box: every element of one comes
     * before every element of the next.
     */
    public void forEachBox(Consumer<Box> sink) {
        if (count == 0) {
            return;
        }
        if (isWholeBox()) {
            sink.accept(box);
            return;
        }
        cut(start, start + count, sink);
    }

    /**
     * Cuts {@code [from, end)} greedily: at each step the largest aligned block of whole inner axes that starts at
     * {@code from} and fits. Block sizes grow, then shrink, hence the bound on their number.
     */
    private void cut(long from, long end, Consumer<Box> sink) {
        int order = box.order();
        long[] strides = Shapes.rowMajorStrides(box.extents());
        while (from < end) {
            int axis = 0;
            while (axis < order - 1 && (from % strides[axis] != 0 || end - from < strides[axis])) {
                axis++;
            }
            long[] point = box.unflatten(from);
            long left = box.end(axis) - point[axis];
            long steps = Math.min(left, (end - from) / strides[axis]);
            long[] extents = new long[order];
            for (int inner = 0; inner < order; inner++) {
                extents[inner] = inner < axis ? 1 : inner == axis ? steps : box.extents()[inner];
            }
            sink.accept(new Box(point, extents));
            from += steps * strides[axis];
        }
    }

    @Override
    public String toString() {
        return isWholeBox() ? box.toString() : box + " elements [" + start + ", " + (start + count) + ")";
    }
}
