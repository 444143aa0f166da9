package org.trencadis.source;

import java.io.IOException;

/**
 * How the shards of one parameter make the whole tensor.
 *
 * @param shape logical extents
 * @param join what several shards are to each other
 * @param shards one for each tensor-parallel (or, for fused experts, expert-parallel) rank
 */
record Placement(long[] shape, Join join, ShardMap[] shards) {
    /** What several shards are to each other. */
    enum Join {
        /** Parts of one copy. */
        PARTS,
        /** Equal copies. */
        REPLICAS,
        /** Copies that are averaged. */
        BLEND
    }

    /** The placement of a tensor that every one of {@code ranks} ranks holds whole. */
    static Placement same(long[] shape, Join join, int ranks) {
        ShardMap[] shards = new ShardMap[ranks];
        java.util.Arrays.fill(shards, ShardMap.whole(shape));
        return new Placement(shape, ranks == 1 ? Join.PARTS : join, shards);
    }

    /** The placement of a tensor that no other rank holds a part of. */
    static Placement unique(long[] shape) {
        return same(shape, Join.PARTS, 1);
    }

    /** Which copy {@code shard} belongs to, counted within one pipeline stage. */
    int copyOf(int shard) {
        return join == Join.PARTS ? 0 : shard;
    }

    /** Hands out where elements of a shard lie. */
    void forEachPart(int shard, long from, long count, ShardMap.Sink sink) throws IOException {
        shards[shard].forEachPart(from, count, sink);
    }
}
