package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.trencadis.layout.ShardMap;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;

/** Strided pieces become regions that put every element of the shard where the piece puts it. */
class AffineMapTest {
    private static AffineMap map(long[] shape, long[] shard, AffineMap.Piece... pieces) {
        return new AffineMap(shape, new long[][] {shard}, List.of(List.of(pieces)));
    }

    /** For each element of the shard its place in the tensor, by the definition of a piece. */
    private static long[] places(long[] shard, AffineMap.Piece... pieces) {
        long[] places = new long[(int) Shapes.elements(shard)];
        Arrays.fill(places, -1);
        for (AffineMap.Piece piece : pieces) {
            Box whole = Box.whole(piece.shape());
            for (long k = 0; k < whole.elements(); k++) {
                long[] point = whole.unflatten(k);
                long from = piece.offset();
                long to = piece.shardOffset();
                for (int axis = 0; axis < point.length; axis++) {
                    from += point[axis] * piece.strides()[axis];
                    to += point[axis] * piece.shardStrides()[axis];
                }
                places[(int) to] = from;
            }
        }
        return places;
    }

    private static long[] places(ShardMap map, long[] shape) throws IOException {
        List<Long> places = new ArrayList<>();
        Box whole = Box.whole(shape);
        map.forEachPart(0, map.elements(), (start, region, piece) -> {
            assertEquals(places.size(), start);
            for (long k = 0; k < region.count(); k++) {
                places.add(whole.flatten(region.box().unflatten(region.start() + k)));
            }
        });
        return places.stream().mapToLong(place -> place).toArray();
    }

    private static void check(long[] shape, long[] shard, AffineMap.Piece... pieces) throws IOException {
        ShardMap map = map(shape, shard, pieces).shard(0, "w");
        assertArrayEquals(places(shard, pieces), places(map, shape));
        // A window is the same part of the same order.
        long[] all = places(map, shape);
        for (int from = 0; from < all.length; from += 3) {
            int count = Math.min(4, all.length - from);
            List<Long> window = new ArrayList<>();
            map.forEachPart(from, count, (start, region, piece) -> {
                for (long k = 0; k < region.count(); k++) {
                    window.add(Box.whole(shape).flatten(region.box().unflatten(region.start() + k)));
                }
            });
            assertArrayEquals(
                    Arrays.copyOfRange(all, from, from + count),
                    window.stream().mapToLong(place -> place).toArray());
        }
    }

    private static AffineMap.Piece piece(long[] shape, long from, long[] strides, long to, long[] shardStrides) {
        return new AffineMap.Piece(shape, from, strides, to, shardStrides);
    }

    private static long[] of(long... numbers) {
        return numbers;
    }

    @Test
    void boxesOfAxesBecomeOnePiece() throws IOException {
        check(of(4, 6), of(4, 2), piece(of(4, 2), 2, of(6, 1), 0, of(2, 1)));
        assertEquals(
                1,
                map(of(4, 6), of(4, 2), piece(of(4, 2), 2, of(6, 1), 0, of(2, 1)))
                        .shard(0, "w")
                        .pieces()
                        .size());
    }

    @Test
    void foldedRunsMayCrossRows() throws IOException {
        check(of(4, 6), of(2, 6), piece(of(12), 6, of(1), 0, of(1)));
        check(of(4, 6), of(9), piece(of(9), 4, of(1), 0, of(1)));
    }

    @Test
    void blocksOfAViewAreSplitAtTheOuterAxis() throws IOException {
        check(of(30, 4), of(15, 4), piece(of(3, 5, 4), 20, of(40, 4, 1), 0, of(20, 4, 1)));
    }

    @Test
    void interleavedAndPermutedPiecesFollowTheShard() throws IOException {
        check(
                of(6, 3),
                of(6, 3),
                piece(of(2, 3), 0, of(9, 1), 3, of(6, 1)),
                piece(of(2, 3), 3, of(9, 1), 0, of(6, 1)),
                piece(of(2, 3), 6, of(3, 1), 12, of(3, 1)));
        check(of(3, 2), of(2, 3), piece(of(2, 3), 0, of(1, 2), 0, of(3, 1)));
    }

    @Test
    void holesOverlapsAndPiecesOutsideAreRefused() {
        AffineMap hole = map(of(4, 2), of(2, 2), piece(of(1, 2), 0, of(2, 1), 0, of(2, 1)));
        assertTrue(assertThrows(SourceException.class, () -> hole.shard(0, "w"))
                .getMessage()
                .contains("describe 2"));
        AffineMap twice = map(
                of(4, 2),
                of(2, 2),
                piece(of(2, 2), 0, of(2, 1), 0, of(2, 1)),
                piece(of(1, 2), 4, of(2, 1), 2, of(2, 1)));
        assertTrue(assertThrows(SourceException.class, () -> twice.shard(0, "w"))
                .getMessage()
                .contains("twice"));
        AffineMap outside = map(of(4, 2), of(2, 2), piece(of(2, 2), 6, of(2, 1), 0, of(2, 1)));
        assertTrue(assertThrows(SourceException.class, () -> outside.shard(0, "w"))
                .getMessage()
                .contains("leaves the tensor"));
    }

    @Test
    void randomBoxesOfRandomTensorsAreFollowed() throws IOException {
        Random random = new Random(11);
        for (int round = 0; round < 300; round++) {
            int order = 1 + random.nextInt(4);
            long[] shape = random.longs(order, 1, 5).toArray();
            long[] strides = Shapes.rowMajorStrides(shape);
            long[] extents = new long[order];
            long from = 0;
            for (int axis = 0; axis < order; axis++) {
                extents[axis] = 1L + random.nextInt((int) shape[axis]);
                from += random.nextInt((int) (shape[axis] - extents[axis]) + 1) * strides[axis];
            }
            check(shape, extents, piece(extents, from, strides, 0, Shapes.rowMajorStrides(extents)));
        }
    }
}
