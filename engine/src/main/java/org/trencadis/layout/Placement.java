package org.trencadis.layout;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.trencadis.tensor.Region;

/**
 * How the shards of one parameter make the whole tensor: parts of one copy, or, where ranks hold the same elements, several
 * copies.
 *
 * @param shape logical extents
 * @param blend whether copies are averaged
 * @param shards one for each tensor-parallel (or, for fused experts, expert-parallel) rank
 */
public record Placement(long[] shape, boolean blend, ShardMap[] shards) {
    /** The placement of a tensor that no other rank holds a part of. */
    public static Placement unique(long[] shape) {
        return new Placement(shape, false, new ShardMap[] {ShardMap.whole(shape)});
    }

    /** The placement of a tensor that every one of {@code ranks} ranks holds whole. */
    public static Placement copies(long[] shape, boolean blend, int ranks) {
        ShardMap whole = ShardMap.whole(shape);
        ShardMap[] shards = new ShardMap[ranks];
        Arrays.setAll(shards, whole::asReplica);
        return new Placement(shape, blend && ranks > 1, shards);
    }

    /** The placement of shards that are parts of one copy. */
    public static Placement parts(long[] shape, ShardMap[] shards) {
        return new Placement(shape, false, shards);
    }

    /** The placement of shards of which some hold the same pieces. */
    public static Placement overlapping(long[] shape, ShardMap[] shards) {
        Map<Region, Integer> held = new HashMap<>();
        ShardMap[] marked = new ShardMap[shards.length];
        Arrays.setAll(marked, rank -> shards[rank].markReplicas(held));
        return new Placement(shape, false, marked);
    }

    /** The same placement where only the first {@code rows} rows are logical. */
    public Placement cutRows(long rows) {
        long[] cut = shape.clone();
        cut[0] = rows;
        ShardMap[] shorter = new ShardMap[shards.length];
        Arrays.setAll(shorter, rank -> shards[rank].cutRows(rows));
        return new Placement(cut, blend, shorter);
    }

    /** Hands out where elements of a shard lie. */
    public void forEachPart(int shard, long from, long count, ShardMap.Sink sink) throws IOException {
        shards[shard].forEachPart(from, count, sink);
    }
}
