package org.trencadis.layout;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/**
 * Where the elements of one rank's shard lie in the whole tensor: consecutive pieces of the shard's row-major order, each
 * a region of the tensor in the same order. A flat window of the shard is then a flat window of some pieces.
 */
public final class ShardMap {
    /**
     * A piece of a shard.
     *
     * @param start its first element in the shard's row-major order
     * @param region where its elements lie, in coordinates of the tensor
     * @param margin whether it lies beyond the logical shape
     * @param replica how many ranks before this one hold the same elements
     */
    public record Piece(long start, Region region, boolean margin, int replica) {
        Piece(long start, Region region) {
            this(start, region, false, 0);
        }
    }

    /** Receives parts of pieces. */
    @FunctionalInterface
    public interface Sink {
        /**
         * Takes one part: {@code region} begins with element {@code start} of the shard; all else is as in {@code piece}.
         */
        void part(long start, Region region, Piece piece) throws IOException;
    }

    private final List<Piece> pieces;
    private final long elements;

    private ShardMap(List<Piece> pieces, long elements) {
        this.pieces = pieces;
        this.elements = elements;
    }

    /** The shard that is the whole of a tensor. */
    public static ShardMap whole(long[] shape) {
        return new Builder().add(Region.whole(shape)).build();
    }

    /** The shard that is one box of a tensor. */
    public static ShardMap of(Box box) {
        return new Builder().add(Region.of(box)).build();
    }

    /** Collects pieces in the shard's order. */
    public static final class Builder {
        private final List<Piece> pieces = new ArrayList<>();
        private long next;

        /** Adds the next elements of the shard; an empty region adds none. */
        public Builder add(Region region) {
            if (region.count() > 0) {
                pieces.add(new Piece(next, simplest(region)));
                next = Math.addExact(next, region.count());
            }
            return this;
        }

        /** The shard that was collected. */
        public ShardMap build() {
            return new ShardMap(List.copyOf(pieces), next);
        }
    }

    /** The same elements as a whole box, where one box holds them. */
    private static Region simplest(Region region) {
        if (region.isWholeBox()) {
            return region;
        }
        List<Box> boxes = new ArrayList<>(1);
        region.forEachBox(boxes::add);
        return boxes.size() == 1 ? Region.of(boxes.getFirst()) : region;
    }

    /** Elements of the shard. */
    public long elements() {
        return elements;
    }

    /** The pieces in the shard's order. */
    public List<Piece> pieces() {
        return pieces;
    }

    /** Hands out where the elements {@code [from, from + count)} of the shard lie, in order. */
    public void forEachPart(long from, long count, Sink sink) throws IOException {
        long end = from + count;
        for (int i = firstPiece(from); i < pieces.size() && pieces.get(i).start() < end; i++) {
            Piece piece = pieces.get(i);
            long first = Math.max(piece.start(), from);
            long last = Math.min(piece.start() + piece.region().count(), end);
            if (first < last) {
                Region whole = piece.region();
                long start = whole.start() + (first - piece.start());
                sink.part(first, new Region(whole.box(), start, last - first), piece);
            }
        }
    }

    /** The shard that is a window of this one's row-major order. */
    public ShardMap cut(long from, long count) {
        List<Piece> cut = new ArrayList<>();
        for (int i = firstPiece(from); i < pieces.size() && pieces.get(i).start() < from + count; i++) {
            Piece piece = pieces.get(i);
            long first = Math.max(piece.start(), from);
            long last = Math.min(piece.start() + piece.region().count(), from + count);
            Region part = simplest(
                    new Region(piece.region().box(), piece.region().start() + (first - piece.start()), last - first));
            cut.add(new Piece(first - from, part, piece.margin(), piece.replica()));
        }
        return new ShardMap(List.copyOf(cut), count);
    }

    /** The piece that holds element {@code from}. */
    private int firstPiece(long from) {
        int low = 0;
        int high = pieces.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (pieces.get(middle).start() + pieces.get(middle).region().count() <= from) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** The same shard where the tensor's first {@code rows} rows are logical and the rest is margin. */
    public ShardMap cutRows(long rows) {
        List<Piece> cut = new ArrayList<>();
        for (Piece piece : pieces) {
            cutPiece(piece, rows, cut);
        }
        return new ShardMap(List.copyOf(cut), elements);
    }

    private static void cutPiece(Piece piece, long rows, List<Piece> cut) {
        long[] start = {piece.start()};
        piece.region().forEachBox(box -> {
            long first = box.offsets()[0];
            long logical = Math.clamp(rows - first, 0L, box.extents()[0]);
            addRows(box, first, logical, false, piece.replica(), start, cut);
            addRows(box, first + logical, box.extents()[0] - logical, true, piece.replica(), start, cut);
        });
    }

    private static void addRows(
            Box box, long from, long count, boolean margin, int replica, long[] start, List<Piece> cut) {
        long[] offsets = box.offsets().clone();
        long[] extents = box.extents().clone();
        offsets[0] = from;
        extents[0] = count;
        Region region = Region.of(new Box(offsets, extents));
        if (region.count() > 0) {
            cut.add(new Piece(start[0], region, margin, replica));
            start[0] += region.count();
        }
    }

    /** The same shard as a replica of {@code before} earlier ones. */
    public ShardMap asReplica(int before) {
        List<Piece> marked = new ArrayList<>();
        for (Piece piece : pieces) {
            marked.add(new Piece(piece.start(), piece.region(), piece.margin(), before));
        }
        return new ShardMap(List.copyOf(marked), elements);
    }

    /** The same shard with pieces that earlier ranks hold too marked as replicas; {@code held} counts holders. */
    public ShardMap markReplicas(Map<Region, Integer> held) {
        List<Piece> marked = new ArrayList<>();
        for (Piece piece : pieces) {
            int before = held.merge(piece.region(), 1, Integer::sum) - 1;
            marked.add(new Piece(piece.start(), piece.region(), piece.margin(), before));
        }
        return new ShardMap(List.copyOf(marked), elements);
    }

    /** Whether both maps put every element of the shard at the same place. */
    public boolean isSame(ShardMap other) {
        if (elements != other.elements) {
            return false;
        }
        return places().equals(other.places());
    }

    /** The pieces as boxes in the shard's order, joined where one continues the other along the first axis. */
    private List<Box> places() {
        List<Box> boxes = new ArrayList<>();
        for (Piece piece : pieces) {
            piece.region().forEachBox(box -> {
                Box joined = boxes.isEmpty() ? null : joinRows(boxes.getLast(), box);
                if (joined == null) {
                    boxes.add(box);
                } else {
                    boxes.set(boxes.size() - 1, joined);
                }
            });
        }
        return boxes;
    }

    private static Box joinRows(Box one, Box next) {
        if (one.order() == 0 || one.end(0) != next.offsets()[0]) {
            return null;
        }
        for (int axis = 1; axis < one.order(); axis++) {
            if (one.offsets()[axis] != next.offsets()[axis] || one.extents()[axis] != next.extents()[axis]) {
                return null;
            }
        }
        long[] extents = one.extents().clone();
        extents[0] += next.extents()[0];
        return new Box(one.offsets(), extents);
    }
}
