package org.trencadis.layout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** The ways in which tensor-parallel shards are joined to a whole parameter. */
public final class ShardJoins {
    /** Pieces that one shard may be split into. */
    private static final long MAX_PIECES = 1 << 20;

    private ShardJoins() {}

    /** Shards joined on one axis; widths are the shards' own. */
    public static Placement onAxis(String name, long[][] shapes, int axis) throws LayoutException {
        long[] shape = wholeShape(name, shapes, axis);
        ShardMap[] shards = new ShardMap[shapes.length];
        long next = 0;
        for (int rank = 0; rank < shards.length; rank++) {
            long[] offsets = new long[shape.length];
            offsets[axis] = next;
            next += shapes[rank][axis];
            shards[rank] = ShardMap.of(new Box(offsets, shapes[rank]));
        }
        return Placement.parts(shape, shards);
    }

    /** The shape of shards that are joined on one axis; they must agree on the others. */
    public static long[] wholeShape(String name, long[][] shapes, int axis) throws LayoutException {
        if (axis >= shapes[0].length) {
            throw new LayoutException("parameter " + name + " of shape " + Shapes.print(shapes[0])
                    + " is declared as joined on axis " + axis);
        }
        long[] whole = shapes[0].clone();
        whole[axis] = 0;
        for (long[] shape : shapes) {
            boolean fits = shape.length == whole.length;
            for (int i = 0; fits && i < whole.length; i++) {
                fits = i == axis || shape[i] == whole[i];
            }
            if (!fits) {
                throw new LayoutException("shards of parameter " + name + " cannot be joined on axis " + axis
                        + ": their shapes are " + print(shapes));
            }
            whole[axis] = Math.addExact(whole[axis], shape[axis]);
        }
        return whole;
    }

    /** Gate and up of a gated network: each shard is its half of the first, then of the second. */
    public static Placement halves(String name, long[][] shapes) throws LayoutException {
        long[][] widths = new long[2][shapes.length];
        for (int rank = 0; rank < shapes.length; rank++) {
            long rows = shapes[rank].length == 0 ? 0 : shapes[rank][0];
            widths[0][rank] = Math.ceilDiv(rows, 2L);
            widths[1][rank] = rows - widths[0][rank];
        }
        long[] shape = wholeShape(name, shapes, 0);
        return interleaved(name, shape, 1, widths, Shapes.elements(shape) / Math.max(shape[0], 1));
    }

    /**
     * Shards that hold, for each of {@code outer} blocks, their width of each sub-parameter in turn.
     *
     * @param widths by sub-parameter, then rank
     * @param inner elements of one step of a width
     */
    public static Placement interleaved(String name, long[] shape, long outer, long[][] widths, long inner)
            throws LayoutException {
        if (outer > MAX_PIECES / widths.length) {
            throw new LayoutException("parameter " + name + " is split into " + outer + " times " + widths.length
                    + " pieces for each rank; at most " + MAX_PIECES + " are supported");
        }
        long block = 0;
        for (long[] of : widths) {
            block += Arrays.stream(of).sum();
        }
        Box whole = Box.whole(shape);
        ShardMap[] shards = new ShardMap[widths[0].length];
        for (int rank = 0; rank < shards.length; rank++) {
            ShardMap.Builder builder = new ShardMap.Builder();
            for (long o = 0; o < outer; o++) {
                long at = o * block;
                for (long[] of : widths) {
                    long before = Arrays.stream(of, 0, rank).sum();
                    builder.add(new Region(whole, (at + before) * inner, of[rank] * inner));
                    at += Arrays.stream(of).sum();
                }
            }
            shards[rank] = builder.build();
        }
        return Placement.parts(shape, shards);
    }

    /** The shapes for a message. */
    public static String print(long[][] shapes) {
        List<String> texts = new ArrayList<>();
        for (long[] shape : shapes) {
            texts.add(Shapes.print(shape));
        }
        return String.join(", ", texts);
    }
}
