package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;
import org.trencadis.tensor.Shapes;

/**
 * How parts make up a whole along an axis: one after the other, or in turns, some of each part in every group.
 *
 * <p>An attention layer's fused weight, for example, has one group for each key and value head: the rows of the group's
 * query heads, then those of its key head, then those of its value head.
 *
 * @param transposed whether the whole, where it has two axes, is stored the other way round
 * @param axis along which parts stand, of the whole before it is transposed
 * @param proportions null where parts have the extents that they have: then a whole can be joined, not cut
 */
record Arrangement(boolean transposed, int axis, Proportions proportions) {
    /** Says how a whole is divided; asked only when one is met. */
    interface Proportions {
        Division division() throws LayoutException;
    }

    /**
     * A division of an axis.
     *
     * @param groups how often the parts take turns
     * @param weights relative extents of the parts in a group
     */
    record Division(long groups, long... weights) {
        long sum() {
            return Math.multiplyExact(groups, Arrays.stream(weights).reduce(0, Math::addExact));
        }
    }

    /** One part that is the whole. */
    static final Arrangement SAME = together(1);

    /** {@code parts} parts of equal extent, one after the other along axis 0. */
    static Arrangement together(int parts) {
        long[] weights = new long[parts];
        Arrays.fill(weights, 1);
        Division division = new Division(1, weights);
        return new Arrangement(false, 0, () -> division);
    }

    Arrangement asTransposed() {
        return new Arrangement(true, axis, proportions);
    }

    /** Parts one after the other, each with the extent that it has. */
    Arrangement endToEnd() {
        return new Arrangement(transposed, axis, null);
    }

    /** The arrangement of parts of these shapes. */
    Arrangement of(List<long[]> partShapes) {
        if (proportions != null) {
            return this;
        }
        long[] extents = new long[partShapes.size()];
        Arrays.setAll(
                extents, part -> axis < partShapes.get(part).length ? partShapes.get(part)[axis] : 1);
        Division division = new Division(1, extents);
        return new Arrangement(transposed, axis, () -> division);
    }

    /** A part's shape and what of the whole it is. */
    record Part(long[] shape, List<BoxMap> maps) {}

    /** The parts of a whole of this shape; {@code whole} names it in messages. */
    List<Part> parts(long[] wholeShape, String whole) throws LayoutException {
        boolean turned = transposed && wholeShape.length == 2;
        long[] shape = turned ? new long[] {wholeShape[1], wholeShape[0]} : wholeShape;
        Division division = proportions.division();
        if (division.weights().length == 1 && division.groups() == 1) {
            return List.of(new Part(shape, List.of(turn(BoxMap.identity(shape), turned))));
        }
        long sum = division.sum();
        if (axis >= shape.length || sum == 0 || shape[axis] % sum != 0) {
            throw new LayoutException("names: " + whole + " of shape " + Shapes.print(wholeShape)
                    + " cannot be cut on axis " + axis + " into " + division.groups() + " groups of "
                    + Arrays.toString(division.weights()));
        }
        long unit = shape[axis] / sum;
        long group = shape[axis] / division.groups();
        List<Part> parts = new ArrayList<>();
        long before = 0;
        for (long weight : division.weights()) {
            long[] partShape = shape.clone();
            partShape[axis] = division.groups() * weight * unit;
            List<BoxMap> maps = new ArrayList<>();
            for (long number = 0; number < division.groups(); number++) {
                long from = number * group + before;
                maps.add(turn(rows(shape, from, number * weight * unit, weight * unit), turned));
            }
            parts.add(new Part(partShape, maps));
            before += weight * unit;
        }
        return parts;
    }

    private BoxMap rows(long[] shape, long from, long to, long extent) {
        long[] offsets = new long[shape.length];
        long[] targets = new long[shape.length];
        long[] extents = shape.clone();
        offsets[axis] = from;
        targets[axis] = to;
        extents[axis] = extent;
        return BoxMap.moved(new Box(offsets, extents), new Box(targets, extents));
    }

    /** The same map from the whole as it is stored. */
    private static BoxMap turn(BoxMap map, boolean turned) {
        if (!turned) {
            return map;
        }
        long[] offsets = map.from().offsets();
        long[] extents = map.from().extents();
        Box stored = new Box(new long[] {offsets[1], offsets[0]}, new long[] {extents[1], extents[0]});
        return new BoxMap(stored, map.to(), new int[] {1, 0});
    }

    /**
     * The shape of the whole that parts of these shapes make up.
     *
     * @throws LayoutException where they make none
     */
    long[] wholeShape(List<long[]> partShapes, String whole) throws LayoutException {
        long[] shape = partShapes.getFirst().clone();
        if (partShapes.size() > 1) {
            if (axis >= shape.length) {
                throw new LayoutException("names: parts of " + whole + " have no axis " + axis);
            }
            shape[axis] = partShapes.stream().mapToLong(part -> part[axis]).sum();
        }
        boolean turned = transposed && shape.length == 2;
        long[] stored = turned ? new long[] {shape[1], shape[0]} : shape;
        List<Part> parts = parts(stored, whole);
        for (int i = 0; i < parts.size(); i++) {
            if (!Arrays.equals(parts.get(i).shape(), partShapes.get(i))) {
                throw new LayoutException("names: part " + i + " of " + whole + " should be of shape "
                        + Shapes.print(parts.get(i).shape()) + ", but it is "
                        + Shapes.print(partShapes.get(i)));
            }
        }
        return stored;
    }
}
