package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.Arrays;
import org.trencadis.layout.Placement;
import org.trencadis.layout.ShardJoins;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;

/**
 * The declaration of a parameter that is several sub-parameters joined on one axis of a view of it, each sharded on its
 * own: fused query, key and value, or fused experts.
 *
 * @param view extents of the view; one may be -1; that of {@code axis} is the sum of the sizes
 * @param sizes of the sub-parameters along {@code axis}; null where only their number is known
 * @param count of the sub-parameters
 * @param widths by sub-parameter and rank, or null where none are recorded
 * @param version of the declaration
 */
record SubParameters(String pattern, long[] view, long[] sizes, int count, int axis, long[][] widths, double version) {
    /** From this version of the declaration on, widths are recorded and an extent is never a count. */
    private static final double WIDTHS_VERSION = 0.4;

    /** The largest extent that is believed; sums over all sub-parameters stay below 2^63. */
    private static final long MAX_SIZE = 1L << 40;

    /** Sub-parameters that a declaration may count. */
    private static final int MAX_COUNT = 1 << 16;

    /**
     * Reads one entry.
     *
     * @param widths the recorded widths of {@code pattern}, or null
     */
    static SubParameters read(String pattern, Node entry, Node widths, double version) throws IOException {
        Node shape = entry.get("shape");
        long axis = entry.get("partition_dim").asLong();
        if (axis < 0 || axis >= shape.size()) {
            throw new SourceException(entry.path() + " is split on axis " + axis + " of " + shape.size() + " axes");
        }
        long[] view = new long[shape.size()];
        for (int i = 0; i < view.length; i++) {
            Node extent = shape.item(i);
            view[i] = Nodes.isList(extent) ? Arrays.stream(sizes(extent)).sum() : size(extent, -1);
        }
        Node split = shape.item((int) axis);
        long[] sizes = Nodes.isList(split) ? sizes(split) : null;
        if (sizes == null && version >= WIDTHS_VERSION) {
            sizes = new long[] {split.asLong()};
        }
        long count = sizes == null ? split.asLong() : sizes.length;
        if (count < 1 || count > MAX_COUNT) {
            throw new SourceException(split.path() + " counts " + count + " sub-parameters");
        }
        return new SubParameters(pattern, view, sizes, (int) count, (int) axis, widths(widths), version);
    }

    private static long[] sizes(Node list) throws IOException {
        long[] sizes = new long[list.size()];
        for (int i = 0; i < sizes.length; i++) {
            sizes[i] = size(list.item(i), 0);
        }
        return sizes;
    }

    private static long size(Node node, long least) throws IOException {
        long size = node.asLong();
        if (size < least || size > MAX_SIZE) {
            throw new SourceException(node.path() + " is no extent: " + size);
        }
        return size;
    }

    private static long[][] widths(Node widths) throws IOException {
        long[][] recorded = widths == null ? null : new long[widths.size()][];
        for (int i = 0; recorded != null && i < recorded.length; i++) {
            recorded[i] = sizes(widths.item(i));
        }
        return recorded;
    }

    /** The placement of parameter {@code name}, of which ranks hold shards of {@code shapes}. */
    Placement place(String name, long[][] shapes) throws IOException {
        long elements = 0;
        for (long[] shape : shapes) {
            elements += Shapes.elements(shape);
        }
        long[] own = sizes != null ? sizes : equalSizes(name, shapes);
        long[] resolved = view.clone();
        resolved[axis] = Arrays.stream(own).sum();
        resolve(name, resolved, elements);
        long[][] shares = checkedWidths(name, own, shapes.length);
        long outer = 1;
        long inner = 1;
        for (int i = 0; i < resolved.length; i++) {
            outer *= i < axis ? resolved[i] : 1;
            inner *= i > axis ? resolved[i] : 1;
        }
        checkShards(name, shares, outer * inner, shapes);
        return ShardJoins.interleaved(name, wholeShape(name, shapes, resolved, elements), outer, shares, inner);
    }

    private long[] equalSizes(String name, long[][] shapes) throws SourceException {
        long whole = 0;
        for (long[] shape : shapes) {
            if (axis >= shape.length) {
                throw new SourceException("parameter " + name + " of shape " + Shapes.print(shape) + " has no axis "
                        + axis + " that sub-parameters could be joined on");
            }
            whole += shape[axis];
        }
        if (whole % count != 0) {
            throw new SourceException("parameter " + name + ": " + whole + " elements of axis " + axis + " are not "
                    + count + " equal sub-parameters");
        }
        long[] equal = new long[count];
        Arrays.fill(equal, whole / count);
        return equal;
    }

    private static void resolve(String name, long[] view, long elements) throws SourceException {
        int open = -1;
        long known = 1;
        for (int i = 0; i < view.length; i++) {
            if (view[i] < 0 && open >= 0) {
                throw new SourceException("the view of parameter " + name + " has two open extents");
            } else if (view[i] < 0) {
                open = i;
            } else {
                known = multiply(name, known, view[i]);
            }
        }
        if (open >= 0 && known > 0 && elements % known == 0) {
            view[open] = elements / known;
        } else if (open >= 0 || known != elements) {
            throw new SourceException("the declared view " + Arrays.toString(view) + " of parameter " + name
                    + " does not fit its " + elements + " elements");
        }
    }

    private static long multiply(String name, long left, long right) throws SourceException {
        try {
            return Math.multiplyExact(left, right);
        } catch (ArithmeticException e) {
            throw new SourceException("the declared view of parameter " + name + " is too large", e);
        }
    }

    private long[][] checkedWidths(String name, long[] own, int ranks) throws SourceException {
        if (widths == null && version >= WIDTHS_VERSION) {
            throw new SourceException("universal_checkpoint_info of version " + version
                    + " records no sub_param_shard_widths for pattern " + pattern + ", which parameter " + name
                    + " needs");
        }
        long[][] shares = widths == null ? evenWidths(name, own, ranks) : widths;
        boolean fits = shares.length == own.length;
        for (int i = 0; fits && i < own.length; i++) {
            fits = shares[i].length == ranks && Arrays.stream(shares[i]).sum() == own[i];
        }
        if (!fits) {
            throw new SourceException("the recorded widths of parameter " + name + ", " + Arrays.deepToString(shares)
                    + ", do not share sub-parameters of sizes " + Arrays.toString(own) + " among " + ranks + " ranks");
        }
        return shares;
    }

    private static long[][] evenWidths(String name, long[] own, int ranks) throws SourceException {
        long[][] shares = new long[own.length][ranks];
        for (int i = 0; i < own.length; i++) {
            if (own[i] % ranks != 0) {
                throw new SourceException("sub-parameter " + i + " of " + name + " has size " + own[i] + ", which "
                        + ranks + " ranks cannot share evenly, and no widths are recorded");
            }
            Arrays.fill(shares[i], own[i] / ranks);
        }
        return shares;
    }

    private static void checkShards(String name, long[][] shares, long rest, long[][] shapes) throws SourceException {
        for (int rank = 0; rank < shapes.length; rank++) {
            long width = 0;
            for (long[] of : shares) {
                width += of[rank];
            }
            if (width * rest != Shapes.elements(shapes[rank])) {
                throw new SourceException("the recorded widths of parameter " + name + " give rank " + rank + " "
                        + width * rest + " elements, its shard " + Shapes.print(shapes[rank]) + " has "
                        + Shapes.elements(shapes[rank]));
            }
        }
    }

    /** The module's own shape: the axis of the shards that the split axis of the view lies in is made whole. */
    private long[] wholeShape(String name, long[][] shapes, long[] resolved, long elements) throws IOException {
        if (resolved.length == shapes[0].length) {
            long[] joined = ShardJoins.wholeShape(name, shapes, axis);
            if (Arrays.equals(joined, resolved)) {
                return joined;
            }
        }
        for (int own = 0; own < shapes[0].length; own++) {
            long others = 1;
            for (int i = 0; i < shapes[0].length; i++) {
                others *= i == own ? 1 : shapes[0][i];
            }
            if (liesIn(resolved, shapes[0], own) && others > 0 && elements % others == 0) {
                return ShardJoins.wholeShape(name, shapes, own);
            }
        }
        throw new SourceException("the declared view " + Arrays.toString(resolved) + " of parameter " + name
                + " is no view of shards of shape " + ShardJoins.print(shapes));
    }

    /** Whether the split axis of the view lies inside axis {@code own} of the module's shape. */
    private boolean liesIn(long[] resolved, long[] shape, int own) {
        long inner = 1;
        for (int i = own + 1; i < shape.length; i++) {
            inner *= shape[i];
        }
        long viewInner = 1;
        for (int i = resolved.length - 1; i > axis; i--) {
            viewInner *= resolved[i];
        }
        return inner > 0 && viewInner % inner == 0 && (own == 0 || viewInner < inner * shape[own]);
    }
}
