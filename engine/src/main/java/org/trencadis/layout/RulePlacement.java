package org.trencadis.layout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.layout.AxisShares.Interval;
import org.trencadis.layout.Rule.Held;
import org.trencadis.layout.Rule.Pad;
import org.trencadis.layout.Rule.Shard;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** Applies a rule to one parameter: from the ranks' shards to the whole tensor, or from the whole tensor to the shards. */
final class RulePlacement {
    private final Rule rule;
    private final String name;
    private final Mesh mesh;
    private final int ranks;

    RulePlacement(Rule rule, String name, Mesh mesh) {
        this.rule = rule;
        this.name = name;
        this.mesh = mesh;
        this.ranks = mesh.ranks();
    }

    /** Joins shards; {@code shapes} are by rank of the mesh, null where a rank has no such parameter. */
    Placement join(long[][] shapes) throws LayoutException {
        if (rule.held() == Held.UNIQUE) {
            return pad(unique(shapes));
        }
        long[][] seen = new long[ranks][];
        for (int rank = 0; rank < ranks; rank++) {
            if (shapes[rank] == null) {
                throw rule.error(name, "rank " + rank + " of " + mesh + " does not hold it");
            }
            seen[rank] = seen(shapes[rank]);
            if (seen[rank].length != seen[0].length) {
                throw rule.error(name, "its shards have different numbers of axes: " + ShardJoins.print(shapes));
            }
        }
        if (rule.held() != Held.SHARD) {
            checkEqual(seen, shapes);
            return pad(Placement.copies(seen[0], rule.held() == Held.AVERAGE, ranks));
        }
        return pad(joinAxes(seen, shapes));
    }

    private Placement unique(long[][] shapes) throws LayoutException {
        int holder = -1;
        for (int rank = 0; rank < ranks; rank++) {
            if (shapes[rank] != null && holder >= 0) {
                throw rule.error(name, "ranks " + holder + " and " + rank + " of " + mesh + " hold it");
            }
            holder = shapes[rank] != null ? rank : holder;
        }
        if (holder < 0) {
            throw rule.error(name, "no rank holds it");
        }
        long[] shape = seen(shapes[holder]);
        ShardMap[] shards = new ShardMap[ranks];
        Arrays.fill(shards, new ShardMap.Builder().build());
        shards[holder] = ShardMap.whole(shape);
        return Placement.parts(shape, shards);
    }

    /** The extents in which the rule sees a shard. */
    private long[] seen(long[] shape) throws LayoutException {
        if (rule.view() == null) {
            return shape;
        }
        long[] view = rule.view().clone();
        long elements = Shapes.elements(shape);
        int open = -1;
        long known = 1;
        for (int axis = 0; axis < view.length; axis++) {
            if (view[axis] == Rule.OPEN) {
                open = axis;
            } else {
                known = Math.multiplyExact(known, view[axis]);
            }
        }
        if (open >= 0 && known > 0 && elements % known == 0) {
            view[open] = elements / known;
        } else if (open >= 0 || known != elements) {
            throw rule.error(
                    name, "a shard of shape " + Shapes.print(shape) + " cannot be seen as " + Arrays.toString(view));
        }
        return view;
    }

    private void checkEqual(long[][] seen, long[][] shapes) throws LayoutException {
        for (long[] shape : seen) {
            if (!Arrays.equals(shape, seen[0])) {
                throw rule.error(name, "its copies have different shapes: " + ShardJoins.print(shapes));
            }
        }
    }

    private Placement joinAxes(long[][] seen, long[][] shapes) throws LayoutException {
        int order = seen[0].length;
        AxisShares[] axes = new AxisShares[order];
        for (Shard shard : rule.shards()) {
            checkAxes(shard, seen[0]);
            axes[shard.dim()] = AxisShares.join(rule, name, shard, extents(shard, seen, shapes));
        }
        long[] whole = new long[order];
        for (int axis = 0; axis < order; axis++) {
            if (axes[axis] == null) {
                checkSameExtent(axis, seen, shapes);
                axes[axis] = AxisShares.uncut(seen[0][axis], 1);
            }
            whole[axis] = axes[axis].extent();
        }
        int last = lastDivided(axes);
        ShardMap[] shards = new ShardMap[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            shards[rank] = shard(rank, axes, last);
        }
        return Placement.overlapping(whole, shards);
    }

    /**
     * The last axis of which some rank holds several intervals. All ranks' shards are taken apart there, so that what two
     * ranks hold are the same pieces or pieces that do not meet.
     */
    private static int lastDivided(AxisShares[] axes) {
        for (int axis = axes.length - 1; axis >= 0; axis--) {
            if (axes[axis].intervals().stream().anyMatch(of -> of.size() > 1)) {
                return axis;
            }
        }
        return -1;
    }

    private void checkAxes(Shard shard, long[] shape) throws LayoutException {
        if (shard.dim() >= shape.length) {
            throw rule.error(name, "it has no axis " + shard.dim() + ": its shape is " + Shapes.print(shape));
        }
        if (!mesh.has(shard.over())) {
            throw rule.error(name, "its ranks have no axis " + shard.over() + ": " + mesh);
        }
    }

    private void checkSameExtent(int axis, long[][] seen, long[][] shapes) throws LayoutException {
        for (long[] shape : seen) {
            if (shape[axis] != seen[0][axis]) {
                throw rule.error(
                        name,
                        "its shards differ on axis " + axis + ", which it does not cut: " + ShardJoins.print(shapes));
            }
        }
    }

    /** The extents of the axis by position along the mesh axis; all ranks at one position must agree. */
    private long[] extents(Shard shard, long[][] seen, long[][] shapes) throws LayoutException {
        long[] extents = new long[mesh.ranks(shard.over())];
        Arrays.fill(extents, -1);
        for (int rank = 0; rank < ranks; rank++) {
            int position = mesh.coordinate(rank, shard.over());
            long extent = seen[rank][shard.dim()];
            if (extents[position] >= 0 && extents[position] != extent) {
                throw rule.error(
                        name,
                        "ranks at one position of axis " + shard.over() + " hold different extents: "
                                + ShardJoins.print(shapes));
            }
            extents[position] = extent;
        }
        return extents;
    }

    /** A rank's shard as boxes: products of its intervals, in the order in which the shard holds them. */
    private ShardMap shard(int rank, AxisShares[] axes, int last) throws LayoutException {
        int order = axes.length;
        List<List<Interval>> held = new ArrayList<>();
        long pieces = 1;
        long rows = 1;
        for (int axis = 0; axis < order; axis++) {
            List<Interval> of = axes[axis].intervals().get(position(rank, axis));
            held.add(of);
            if (axis == last) {
                pieces = Math.multiplyExact(rows, of.size());
            }
            rows = Math.multiplyExact(
                    rows, of.stream().mapToLong(Interval::count).sum());
        }
        if (pieces > AxisShares.MAX_INTERVALS) {
            throw rule.error(
                    name,
                    "a shard would be " + pieces + " pieces; at most " + AxisShares.MAX_INTERVALS + " are supported");
        }
        ShardMap.Builder builder = new ShardMap.Builder();
        if (rows > 0) {
            addBoxes(0, last, held, new long[order], new long[order], builder);
        }
        return builder.build();
    }

    private int position(int rank, int axis) {
        for (Shard shard : rule.shards()) {
            if (shard.dim() == axis) {
                return mesh.coordinate(rank, shard.over());
            }
        }
        return 0;
    }

    /** Axes before {@code last} are walked position by position, {@code last} interval by interval. */
    private static void addBoxes(
            int axis, int last, List<List<Interval>> held, long[] offsets, long[] extents, ShardMap.Builder builder) {
        if (axis == offsets.length) {
            builder.add(Region.of(new Box(offsets.clone(), extents.clone())));
            return;
        }
        for (Interval interval : held.get(axis)) {
            boolean single = axis < last;
            for (long i = 0; i < (single ? interval.count() : 1); i++) {
                offsets[axis] = interval.start() + i;
                extents[axis] = single ? 1 : interval.count();
                addBoxes(axis + 1, last, held, offsets, extents, builder);
            }
        }
    }

    /** Rows beyond the logical ones become a margin. */
    private Placement pad(Placement placement) throws LayoutException {
        Pad pad = rule.pad();
        if (pad == null) {
            return placement;
        }
        long[] shape = placement.shape();
        if (shape.length == 0) {
            throw rule.error(name, "a scalar has no rows that could be padded");
        }
        if (shape[0] % pad.multiple() != 0) {
            throw rule.error(name, "its " + shape[0] + " rows are no multiple of " + pad.multiple());
        }
        if (pad.extent() == Rule.OPEN || pad.extent() == shape[0]) {
            return placement;
        }
        if (pad.extent() > shape[0]) {
            throw rule.error(name, "it has " + shape[0] + " rows with padding, fewer than the logical " + pad.extent());
        }
        return placement.cutRows(pad.extent());
    }

    /** Cuts a whole tensor: the shapes of the shards by rank, null where a rank has none. */
    long[][] cut(long[] whole) throws LayoutException {
        long[] padded = whole.clone();
        if (rule.pad() != null && whole.length > 0) {
            long multiple = rule.pad().multiple();
            padded[0] = Math.multiplyExact(Math.ceilDiv(whole[0], multiple), multiple);
        }
        long[][] shapes = new long[ranks][];
        for (int rank = 0; rank < ranks; rank++) {
            shapes[rank] = rule.held() == Held.UNIQUE && rank > 0 ? null : padded.clone();
        }
        for (Shard shard : rule.shards()) {
            checkAxes(shard, whole);
            long[] extents = AxisShares.cut(rule, name, shard, padded[shard.dim()], mesh.ranks(shard.over()));
            for (int rank = 0; rank < ranks; rank++) {
                shapes[rank][shard.dim()] = extents[mesh.coordinate(rank, shard.over())];
            }
        }
        return shapes;
    }

    /** The placement of a whole tensor on the ranks of the mesh; rows that pad it are a margin. */
    Placement place(long[] whole) throws LayoutException {
        Rule plain = new Rule(
                rule.place(), rule.match(), rule.optional(), rule.held(), null, rule.shards(), rule.expert(), null);
        Placement placement = new RulePlacement(plain, name, mesh).join(cut(whole));
        return rule.pad() == null || whole.length == 0 || placement.shape()[0] == whole[0]
                ? placement
                : placement.cutRows(whole[0]);
    }
}
