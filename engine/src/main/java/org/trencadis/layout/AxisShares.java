package org.trencadis.layout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.layout.Rule.Part;
import org.trencadis.layout.Rule.Shard;

/**
 * How the ranks along one mesh axis share one axis of a tensor.
 *
 * @param extent of the axis in the whole tensor
 * @param intervals by rank: what it holds of the axis, in the order of its shard
 */
record AxisShares(long extent, List<List<Interval>> intervals) {
    /** Intervals that all ranks together may have. */
    static final long MAX_INTERVALS = 1 << 20;

    /** Consecutive positions on an axis. */
    record Interval(long start, long count) {}

    /** An axis that is not cut. */
    static AxisShares uncut(long extent, int ranks) {
        List<Interval> all = List.of(new Interval(0, extent));
        return new AxisShares(extent, new ArrayList<>(java.util.Collections.nCopies(ranks, all)));
    }

    /**
     * The shares that make up the whole axis.
     *
     * @param extents of the axis by rank
     */
    static AxisShares join(Rule rule, String name, Shard shard, long[] extents) throws LayoutException {
        return new Sharing(rule, name, shard, extents.length).join(extents);
    }

    /** The extents of the axis by rank, where it has {@code extent} in the whole tensor. */
    static long[] cut(Rule rule, String name, Shard shard, long extent, int ranks) throws LayoutException {
        return new Sharing(rule, name, shard, ranks).cut(extent);
    }

    /** What each rank holds of one part: first position inside it and count. */
    private record Share(long size, Interval[] of) {
        static Share inTurn(long[] widths) {
            Interval[] of = new Interval[widths.length];
            long next = 0;
            for (int rank = 0; rank < widths.length; rank++) {
                of[rank] = new Interval(next, widths[rank]);
                next = Math.addExact(next, widths[rank]);
            }
            return new Share(next, of);
        }
    }

    private record Sharing(Rule rule, String name, Shard shard, int ranks) {
        private AxisShares join(long[] extents) throws LayoutException {
            long[] widths = new long[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                if (extents[rank] % shard.interleave() != 0) {
                    throw error("axis " + shard.dim() + " of rank " + rank + "'s shard has extent " + extents[rank]
                            + ", which is not " + shard.interleave() + " blocks");
                }
                widths[rank] = extents[rank] / shard.interleave();
            }
            return layOut(shares(widths));
        }

        private List<Share> shares(long[] widths) throws LayoutException {
            List<Part> parts = shard.parts();
            long[] rest = widths.clone();
            List<Share> shares = new ArrayList<>();
            int open = 0;
            for (Part part : parts) {
                Share share = isOpen(part) ? null : sized(part, part.size());
                open += share == null ? 1 : 0;
                for (int rank = 0; share != null && rank < ranks; rank++) {
                    rest[rank] -= share.of()[rank].count();
                }
                shares.add(share);
            }
            for (int rank = 0; rank < ranks; rank++) {
                if (rest[rank] < 0 || open == 0 && rest[rank] > 0 || open > 0 && rest[rank] % open != 0) {
                    throw error("rank " + rank + " holds " + widths[rank] + " of axis " + shard.dim()
                            + (shard.interleave() > 1 ? " in each block" : "") + ", its parts "
                            + (open > 0 ? "need another number" : "are " + (widths[rank] - rest[rank])));
                }
                rest[rank] /= Math.max(open, 1);
            }
            for (int i = 0; i < parts.size(); i++) {
                if (shares.get(i) == null) {
                    shares.set(i, open(parts.get(i), rest));
                }
            }
            return shares;
        }

        private static boolean isOpen(Part part) {
            return part.size() == Rule.OPEN && part.widths() == null;
        }

        /** The shares of a part whose size is known. */
        private Share sized(Part part, long size) throws LayoutException {
            if (part.widths() != null) {
                if (part.widths().length != ranks) {
                    throw error("widths of " + part.name() + " are for " + part.widths().length + " ranks; axis "
                            + shard.over() + " has " + ranks);
                }
                return Share.inTurn(part.widths());
            }
            long units = part.units();
            if (units > 0 && size % units != 0) {
                throw error("part " + part.name() + " of " + size + " is not " + units + " equal units");
            }
            if (units > 0 && units < ranks) {
                return repeated(part, size / units);
            }
            if (units == 0 && size % ranks != 0) {
                throw error("part " + part.name() + " of " + size + " cannot be shared evenly by " + ranks
                        + " ranks of axis " + shard.over() + "; say its units or the widths");
            }
            return Share.inTurn(even(units == 0 ? size : units, units == 0 ? 1 : size / units));
        }

        private long[] even(long units, long unit) {
            long[] widths = new long[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                widths[rank] = (units / ranks + (rank < units % ranks ? 1 : 0)) * unit;
            }
            return widths;
        }

        /** Fewer units than ranks: each unit is held by as many neighbours. */
        private Share repeated(Part part, long unit) throws LayoutException {
            if (ranks % part.units() != 0) {
                throw error(part.units() + " units of " + part.name() + " cannot be shared evenly by " + ranks
                        + " ranks of axis " + shard.over() + "; say the widths");
            }
            Interval[] of = new Interval[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                of[rank] = new Interval(rank * part.units() / ranks * unit, unit);
            }
            return new Share(Math.multiplyExact(part.units(), unit), of);
        }

        /** The shares of a part whose size is what the ranks hold. */
        private Share open(Part part, long[] widths) throws LayoutException {
            if (part.units() == 0) {
                return Share.inTurn(widths);
            }
            long size = 0;
            for (long width : widths) {
                size = Math.addExact(size, width);
            }
            if (part.units() < ranks) {
                size = Math.multiplyExact(widths[0], part.units());
            }
            Share share = sized(part, size);
            for (int rank = 0; rank < ranks; rank++) {
                if (share.of()[rank].count() != widths[rank]) {
                    throw error("rank " + rank + " holds " + widths[rank] + " of " + part.name() + "; its share of "
                            + part.units() + " units is " + share.of()[rank].count());
                }
            }
            return share;
        }

        private AxisShares layOut(List<Share> shares) throws LayoutException {
            long blocks = shard.interleave();
            if (blocks > MAX_INTERVALS / shares.size() / ranks) {
                throw error(blocks + " blocks of " + shares.size() + " parts on " + ranks + " ranks are more than "
                        + MAX_INTERVALS + " pieces");
            }
            long block = 0;
            for (Share share : shares) {
                block = Math.addExact(block, share.size());
            }
            // What several ranks hold stays apart from what lies beside it: they hold other things there.
            boolean apart = shard.parts().stream().anyMatch(part -> part.units() > 0 && part.units() < ranks);
            List<List<Interval>> intervals = new ArrayList<>();
            for (int rank = 0; rank < ranks; rank++) {
                List<Interval> of = new ArrayList<>();
                for (long b = 0; b < blocks; b++) {
                    long at = b * block;
                    for (Share share : shares) {
                        add(of, at + share.of()[rank].start(), share.of()[rank].count(), apart);
                        at += share.size();
                    }
                }
                intervals.add(of);
            }
            return new AxisShares(Math.multiplyExact(block, blocks), intervals);
        }

        private static void add(List<Interval> of, long start, long count, boolean apart) {
            Interval last = of.isEmpty() ? null : of.getLast();
            if (!apart && count > 0 && last != null && last.start() + last.count() == start) {
                of.set(of.size() - 1, new Interval(last.start(), last.count() + count));
            } else if (count > 0) {
                of.add(new Interval(start, count));
            }
        }

        private long[] cut(long extent) throws LayoutException {
            if (extent % shard.interleave() != 0) {
                throw error(
                        "axis " + shard.dim() + " of extent " + extent + " is not " + shard.interleave() + " blocks");
            }
            long block = extent / shard.interleave();
            long known = 0;
            int open = 0;
            for (Part part : shard.parts()) {
                open += isOpen(part) ? 1 : 0;
                known += isOpen(part)
                        ? 0
                        : part.widths() == null
                                ? part.size()
                                : Arrays.stream(part.widths()).sum();
            }
            if (known > block || open == 0 && known != block || open > 0 && (block - known) % open != 0) {
                throw error("its parts are " + known + (open > 0 ? " and " + open + " equal ones" : "") + ", axis "
                        + shard.dim() + " has " + block);
            }
            long[] extents = new long[ranks];
            for (Part part : shard.parts()) {
                Share share = sized(part, isOpen(part) ? (block - known) / open : part.size());
                for (int rank = 0; rank < ranks; rank++) {
                    extents[rank] += share.of()[rank].count() * shard.interleave();
                }
            }
            return extents;
        }

        private LayoutException error(String problem) {
            return rule.error(name, problem);
        }
    }
}
