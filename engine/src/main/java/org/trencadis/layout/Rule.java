package org.trencadis.layout;

import java.util.List;

/**
 * How the ranks hold the parameters whose names match.
 *
 * @param place where the rule stands, for messages
 * @param match regular expression, from the start of a name
 * @param optional whether it may match nothing
 * @param view extents in which each shard's elements are seen, of which one may be {@link #OPEN}; null for its own shape
 * @param shards axes that are cut, each among the ranks of another mesh axis; none unless {@code held} is SHARD
 * @param expert for parameters of experts, else null
 * @param pad rows beyond the logical ones, or null
 */
public record Rule(
        String place,
        String match,
        boolean optional,
        Held held,
        long[] view,
        List<Shard> shards,
        Expert expert,
        Pad pad) {
    /** A number that is not said. */
    public static final long OPEN = -1;

    /** The mesh axis of tensor parallelism. */
    public static final String TP = "tp";

    /** The mesh axis of expert parallelism. */
    public static final String EP = "ep";

    /** What the ranks hold of a parameter. */
    public enum Held {
        /** One rank has it. */
        UNIQUE,
        /** Each rank has an equal copy. */
        REPLICATE,
        /** Each rank has its own; the mean counts. */
        AVERAGE,
        /** Each rank has a part. */
        SHARD
    }

    /**
     * One axis that is cut.
     *
     * @param over the mesh axis whose ranks share it
     * @param interleave equal blocks that lie one after another on the axis, each of all parts
     * @param parts what lies on a block one after another, each cut on its own; at least one
     */
    public record Shard(int dim, String over, long interleave, List<Part> parts) {
        public Shard {
            parts = List.copyOf(parts);
        }
    }

    /**
     * A part of an axis.
     *
     * @param size its extent in the whole tensor, or {@link #OPEN}
     * @param units whole things that are not cut, as attention heads; 0 where rows are. Fewer units than ranks: neighbours
     *     hold the same unit
     * @param widths by rank, or null where ranks share evenly
     */
    public record Part(String name, long size, long units, long[] widths) {}

    /**
     * Expert parallelism of a parameter.
     *
     * @param dim axis on which ranks hold consecutive experts, or -1: each parameter is one expert's, and its number in the
     *     name counts from the rank's first
     * @param count of all ranks' experts, or {@link #OPEN}
     */
    public record Expert(int dim, long count) {}

    /**
     * Rows that pad an axis.
     *
     * @param multiple of which the padded extent is one; 1 where not said
     * @param extent the logical extent, or {@link #OPEN}
     */
    public record Pad(int dim, long multiple, long extent) {}

    LayoutException error(String name, String problem) {
        return new LayoutException(place + ": rule " + match + " does not fit parameter " + name + ": " + problem);
    }
}
