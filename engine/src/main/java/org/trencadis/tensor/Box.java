package org.trencadis.tensor;

import java.util.Arrays;

/**
 * An axis-aligned part of a tensor: offset and extent per axis, in elements of the logical (unpadded, unsharded) tensor.
 *
 * <p>The arrays are not copied; nobody changes them after construction.
 */
public record Box(long[] offsets, long[] extents) {
    public Box {
        if (offsets.length != extents.length) {
            throw new IllegalArgumentException("offsets of order " + offsets.length + ", extents of " + extents.length);
        }
        for (int axis = 0; axis < extents.length; axis++) {
            if (offsets[axis] < 0 || extents[axis] < 0 || offsets[axis] + extents[axis] < 0) {
                throw new IllegalArgumentException(
                        "axis " + axis + ": offset " + offsets[axis] + ", extent " + extents[axis]);
            }
        }
    }

    /** The whole of a tensor of {@code shape}. */
    public static Box whole(long[] shape) {
        return new Box(new long[shape.length], shape);
    }

    /** The number of axes. */
    public int order() {
        return extents.length;
    }

    /** The number of elements. */
    public long elements() {
        return Shapes.elements(extents);
    }

    /** One past the last position on {@code axis}. */
    public long end(int axis) {
        return offsets[axis] + extents[axis];
    }

    /** The elements that both boxes hold, or null where there are none. A scalar's box has one element. */
    public Box findIntersection(Box other) {
        int order = order();
        long[] from = new long[order];
        long[] size = new long[order];
        for (int axis = 0; axis < order; axis++) {
            from[axis] = Math.max(offsets[axis], other.offsets[axis]);
            size[axis] = Math.min(end(axis), other.end(axis)) - from[axis];
            if (size[axis] <= 0) {
                return null;
            }
        }
        return new Box(from, size);
    }

    /** Whether the box lies inside a tensor of {@code shape}. */
    public boolean isInside(long[] shape) {
        for (int axis = 0; axis < shape.length; axis++) {
            if (end(axis) > shape[axis]) {
                return false;
            }
        }
        return order() == shape.length;
    }

    /** The position of a point in this box's row-major order. */
    public long flatten(long[] point) {
        long flat = 0;
        for (int axis = 0; axis < extents.length; axis++) {
            flat = flat * extents[axis] + (point[axis] - offsets[axis]);
        }
        return flat;
    }

    /** The point at position {@code flat} of this box's row-major order. */
    public long[] unflatten(long flat) {
        long[] point = new long[extents.length];
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            point[axis] = offsets[axis] + flat % extents[axis];
            flat /= extents[axis];
        }
        return point;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Box box && Arrays.equals(offsets, box.offsets) && Arrays.equals(extents, box.extents);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(offsets) + Arrays.hashCode(extents);
    }

    /** {@code [0:2,4:8]}: from and one past the end, per axis. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("[");
        for (int axis = 0; axis < order(); axis++) {
            text.append(axis == 0 ? "" : ",").append(offsets[axis]).append(':').append(end(axis));
        }
        return text.append(']').toString();
    }
}
