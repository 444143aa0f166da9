package org.trencadis.tensor;

import java.util.Arrays;

/**
 * Where the elements of a box of one tensor stand in another: axes change places, axes of one element go or come.
 *
 * @param from box of the source
 * @param to box of the target
 * @param axes for each axis of the target the axis of the source that it is, or -1 for one that comes in with one element;
 *     axes of the source that are not named have one element
 */
public record BoxMap(Box from, Box to, int[] axes) {
    /** An axis of the target that the source does not have. */
    public static final int ADDED = -1;

    public BoxMap {
        if (axes.length != to.order()) {
            throw new IllegalArgumentException(axes.length + " axes named, " + to.order() + " in the target");
        }
        boolean[] named = new boolean[from.order()];
        for (int axis = 0; axis < axes.length; axis++) {
            long extent = axes[axis] == ADDED ? 1 : from.extents()[axes[axis]];
            if (to.extents()[axis] != extent || axes[axis] != ADDED && named[axes[axis]]) {
                throw new IllegalArgumentException(
                        "axis " + axis + " of " + to + " is not axis " + axes[axis] + " of " + from);
            }
            if (axes[axis] != ADDED) {
                named[axes[axis]] = true;
            }
        }
        for (int axis = 0; axis < named.length; axis++) {
            if (!named[axis] && from.extents()[axis] != 1) {
                throw new IllegalArgumentException("axis " + axis + " of " + from + " is lost");
            }
        }
    }

    /** Every element of a tensor of {@code shape} where it is. */
    public static BoxMap identity(long[] shape) {
        Box whole = Box.whole(shape);
        return moved(whole, whole);
    }

    /** A box that keeps its axes and stands elsewhere in the target. */
    public static BoxMap moved(Box from, Box to) {
        int[] axes = new int[from.order()];
        Arrays.setAll(axes, axis -> axis);
        return new BoxMap(from, to, axes);
    }

    /** Whether nothing moves. */
    public boolean isIdentity() {
        for (int axis = 0; axis < axes.length; axis++) {
            if (axes[axis] != axis) {
                return false;
            }
        }
        return from.equals(to);
    }

    /** Where {@code part} of the source's box stands in the target. */
    public Box apply(Box part) {
        return new Box(move(part.offsets()), extents(part.extents(), 1));
    }

    private long[] move(long[] point) {
        long[] moved = new long[axes.length];
        for (int axis = 0; axis < axes.length; axis++) {
            long inside = axes[axis] == ADDED ? 0 : point[axes[axis]] - from.offsets()[axes[axis]];
            moved[axis] = to.offsets()[axis] + inside;
        }
        return moved;
    }

    /** Numbers that go with the axes, in the order of the target; {@code added} for axes that come in. */
    private long[] extents(long[] ofSource, long added) {
        long[] moved = new long[axes.length];
        Arrays.setAll(moved, axis -> axes[axis] == ADDED ? added : ofSource[axes[axis]]);
        return moved;
    }

    /** The strides of the target's axes where the source's axes have {@code strides}. */
    public long[] strides(long[] strides) {
        return extents(strides, 0);
    }

    /** Whether the elements of {@code part} come in the same row-major order in the target. */
    public boolean keepsOrder(Box part) {
        int last = -1;
        for (int axis : axes) {
            if (axis != ADDED && part.extents()[axis] > 1) {
                if (axis < last) {
                    return false;
                }
                last = axis;
            }
        }
        return true;
    }

    /** The way back. */
    public BoxMap inverse() {
        int[] back = new int[from.order()];
        Arrays.fill(back, ADDED);
        for (int axis = 0; axis < axes.length; axis++) {
            if (axes[axis] != ADDED) {
                back[axes[axis]] = axis;
            }
        }
        return new BoxMap(to, from, back);
    }

    /** The same for {@code part} of the source's box alone. */
    public BoxMap cut(Box part) {
        return new BoxMap(part, apply(part), axes);
    }

    /** This and then {@code next}, for the elements that {@code next} takes; null where there are none. */
    public BoxMap findThen(BoxMap next) {
        Box between = to.findIntersection(next.from);
        if (between == null) {
            return null;
        }
        int[] through = new int[next.axes.length];
        Arrays.setAll(through, axis -> next.axes[axis] == ADDED ? ADDED : axes[next.axes[axis]]);
        return new BoxMap(inverse().apply(between), next.apply(between), through);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof BoxMap map
                && from.equals(map.from)
                && to.equals(map.to)
                && Arrays.equals(axes, map.axes);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * from.hashCode() + to.hashCode()) + Arrays.hashCode(axes);
    }

    @Override
    public String toString() {
        return from + " -> " + to + " axes " + Arrays.toString(axes);
    }
}
