package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.trencadis.layout.ShardMap;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;

/**
 * DeepSpeed's geometric description of one parameter: for each rank, strided pieces of the whole tensor and where they lie
 * in the rank's shard.
 *
 * @param shape the whole tensor's
 * @param shardShapes by rank
 * @param pieces by rank
 */
record AffineMap(long[] shape, long[][] shardShapes, List<List<Piece>> pieces) {
    /** Blocks that one shard may be split into where its pieces do not lie in the shard's order. */
    private static final int MAX_BLOCKS = 1 << 20;

    /**
     * One strided piece; offsets and strides are in elements.
     *
     * @param offset of its first element in the whole tensor
     * @param shardOffset of its first element in the shard
     */
    record Piece(long[] shape, long offset, long[] strides, long shardOffset, long[] shardStrides) {}

    /**
     * Reads one parameter's entry.
     *
     * @param ranks how many ranks it must describe
     */
    static AffineMap read(Node entry, int ranks) throws IOException {
        long[] shape = Nodes.shape(entry.get("logical_shape"));
        Node perRank = entry.get("ranks");
        if (perRank.size() != ranks) {
            throw new SourceException(perRank.path() + " describes " + perRank.size() + " ranks, expected " + ranks);
        }
        long[][] shardShapes = new long[ranks][];
        List<List<Piece>> pieces = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            Node of = findRank(perRank, rank);
            shardShapes[rank] = Nodes.shape(of.get("shard_shape"));
            pieces.add(readPieces(of.get("pieces")));
        }
        return new AffineMap(shape, shardShapes, pieces);
    }

    private static Node findRank(Node perRank, int rank) throws IOException {
        Node found = perRank.find((long) rank);
        if (found == null) {
            found = perRank.find(Integer.toString(rank));
        }
        if (found == null) {
            throw new SourceException(perRank.path() + " describes no rank " + rank);
        }
        return found;
    }

    private static List<Piece> readPieces(Node list) throws IOException {
        List<Piece> pieces = new ArrayList<>();
        for (int i = 0; i < list.size(); i++) {
            Node piece = list.item(i);
            long[] shape = Nodes.shape(piece.get("shape"));
            Node source = piece.get("source");
            Node dest = piece.get("dest");
            Node scale = Nodes.findValue(piece, "scale");
            if (scale != null && scale.asReal() != 1.0) {
                throw new SourceException(
                        piece.path() + " is scaled by " + scale.asReal() + "; only pieces with scale 1 are supported");
            }
            long[] strides = Nodes.longs(source.item(1));
            long[] shardStrides = Nodes.longs(dest.item(1));
            if (strides.length != shape.length || shardStrides.length != shape.length) {
                throw new SourceException(piece.path() + " has strides of another order than its shape");
            }
            pieces.add(new Piece(
                    shape, source.item(0).asLong(), strides, dest.item(0).asLong(), shardStrides));
        }
        return pieces;
    }

    /** A run of the shard and the box of the tensor that lies there. */
    private record Block(long shardStart, Region region) {}

    /** What rank {@code rank} holds; every element of the shard must be described exactly once. */
    ShardMap shard(int rank, String name) throws SourceException {
        List<Block> blocks = new ArrayList<>();
        for (Piece piece : pieces.get(rank)) {
            if (Shapes.elements(piece.shape()) > 0) {
                addBlocks(piece, name, blocks);
            }
        }
        blocks.sort(Comparator.comparingLong(Block::shardStart));
        ShardMap.Builder builder = new ShardMap.Builder();
        long next = 0;
        for (Block block : blocks) {
            if (block.shardStart() != next) {
                throw new SourceException("affine map of " + name + ", rank " + rank + ": element "
                        + Math.min(next, block.shardStart()) + " of the shard is described "
                        + (block.shardStart() > next ? "by no piece" : "twice"));
            }
            builder.add(block.region());
            next += block.region().count();
        }
        if (next != Shapes.elements(shardShapes[rank])) {
            throw new SourceException("affine map of " + name + ", rank " + rank + ": pieces describe " + next
                    + " elements, the shard " + Shapes.print(shardShapes[rank]) + " has "
                    + Shapes.elements(shardShapes[rank]));
        }
        return builder.build();
    }

    /** Splits a piece at outer axes until what is left lies in one run of the shard and in one region of the tensor. */
    private void addBlocks(Piece piece, String name, List<Block> blocks) throws SourceException {
        int flat = firstAxis(piece, true);
        int boxed = firstAxis(piece, false);
        boolean useBox = boxed < flat && findBox(piece, boxed, piece.offset()) != null;
        int inner = useBox ? boxed : flat;
        long[] position = new long[inner];
        while (true) {
            long from = piece.offset();
            long to = piece.shardOffset();
            for (int axis = 0; axis < inner; axis++) {
                from += position[axis] * piece.strides()[axis];
                to += position[axis] * piece.shardStrides()[axis];
            }
            if (blocks.size() >= MAX_BLOCKS) {
                throw new SourceException("affine map of " + name + " has more than " + MAX_BLOCKS + " blocks");
            }
            Region region = useBox ? findBox(piece, inner, from) : findRun(piece, inner, from);
            if (region == null) {
                throw new SourceException("affine map of " + name + ": a piece leaves the tensor of shape "
                        + Shapes.print(shape) + " at element " + from);
            }
            blocks.add(new Block(to, region));
            int axis = inner - 1;
            while (axis >= 0 && position[axis] == piece.shape()[axis] - 1) {
                position[axis--] = 0;
            }
            if (axis < 0) {
                return;
            }
            position[axis]++;
        }
    }

    /**
     * The outermost axis of a piece from which on the rest is one run of the shard and, in the tensor, one run too
     * ({@code flat}) or an axis of its own for each.
     */
    private int firstAxis(Piece piece, boolean flat) {
        long run = 1;
        int inner = piece.shape().length;
        while (inner > 0) {
            int axis = inner - 1;
            boolean joins = piece.shape()[axis] == 1
                    || piece.shardStrides()[axis] == run
                            && (flat ? piece.strides()[axis] == run : findAxis(piece, axis) >= 0);
            if (!joins) {
                break;
            }
            run *= piece.shape()[axis];
            inner = axis;
        }
        return inner;
    }

    /** The axis of the tensor that a piece's axis runs along, outside those of the piece's inner axes; or -1. */
    private int findAxis(Piece piece, int axis) {
        long[] strides = Shapes.rowMajorStrides(shape);
        int limit = shape.length;
        for (int inner = piece.shape().length - 1; inner > axis; inner--) {
            if (piece.shape()[inner] > 1) {
                limit = axisOf(strides, piece.strides()[inner], limit);
            }
        }
        return limit < 0 ? -1 : axisOf(strides, piece.strides()[axis], limit);
    }

    private int axisOf(long[] strides, long stride, int limit) {
        for (int axis = limit - 1; axis >= 0; axis--) {
            if (strides[axis] == stride && shape[axis] > 1) {
                return axis;
            }
        }
        return -1;
    }

    /** The run of the tensor that the axes from {@code inner} on are, from element {@code from}; or null outside it. */
    private Region findRun(Piece piece, int inner, long from) {
        long count = 1;
        for (int axis = inner; axis < piece.shape().length; axis++) {
            count *= piece.shape()[axis];
        }
        long elements = Shapes.elements(shape);
        return from < 0 || count > elements - from ? null : new Region(Box.whole(shape), from, count);
    }

    /** The box of the tensor that the axes from {@code inner} on are, from element {@code from}; or null outside it. */
    private Region findBox(Piece piece, int inner, long from) {
        if (from < 0 || from >= Shapes.elements(shape)) {
            return null;
        }
        long[] offsets = Box.whole(shape).unflatten(from);
        long[] extents = new long[shape.length];
        Arrays.fill(extents, 1);
        for (int axis = inner; axis < piece.shape().length; axis++) {
            if (piece.shape()[axis] > 1) {
                extents[findAxis(piece, axis)] = piece.shape()[axis];
            }
        }
        Box box = new Box(offsets, extents);
        return box.isInside(shape) ? Region.of(box) : null;
    }
}
