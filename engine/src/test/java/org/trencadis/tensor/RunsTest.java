package org.trencadis.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RunsTest {
    /** What each target element comes from, by looking at every element: position in the source, or minimum for none. */
    private static long[] oracle(Region source, long[] strides, Region target) {
        long[] expected = new long[(int) target.count()];
        Arrays.fill(expected, Long.MIN_VALUE);
        long[] used =
                strides != null ? strides : Shapes.rowMajorStrides(source.box().extents());
        for (long to = 0; to < target.count(); to++) {
            long[] point = target.box().unflatten(target.start() + to);
            for (long from = 0; from < source.count(); from++) {
                long[] other = source.box().unflatten(source.start() + from);
                if (Arrays.equals(point, other)) {
                    expected[(int) to] = place(source, used, other) - place(source, used, source.first());
                }
            }
        }
        return expected;
    }

    private static long place(Region source, long[] strides, long[] point) {
        long place = 0;
        for (int axis = 0; axis < point.length; axis++) {
            place += (point[axis] - source.box().offsets()[axis]) * strides[axis];
        }
        return place;
    }

    @Test
    void bringsEveryCommonElementFromItsPlaceExactlyOnce() throws IOException {
        Random random = new Random(2);
        for (int round = 0; round < 6_000; round++) {
            long[] shape = Tilings.shape(random);
            Region source = Tilings.region(random, shape);
            Region target = random.nextInt(4) == 0 ? flatPart(random, source.box()) : Tilings.region(random, shape);
            long[] strides = random.nextBoolean() ? null : strides(random, shape.length);
            if (source.count() == 0) {
                continue;
            }
            long[] actual = new long[(int) target.count()];
            Arrays.fill(actual, Long.MIN_VALUE);
            Runs.between(source, strides, target, (from, step, to, count) -> {
                assertTrue(count > 0);
                for (long i = 0; i < count; i++) {
                    assertEquals(Long.MIN_VALUE, actual[(int) (to + i)], "written twice");
                    actual[(int) (to + i)] = from + i * step;
                }
            });
            assertArrayEquals(
                    oracle(source, strides, target), actual, () -> source + " to " + target + Arrays.toString(strides));
        }
    }

    private static Region flatPart(Random random, Box box) {
        long start = random.nextLong(box.elements() + 1);
        return new Region(box, start, random.nextLong(box.elements() - start + 1));
    }

    /** Any strides, zero and negative ones too. */
    private static long[] strides(Random random, int order) {
        return random.longs(order, -20, 21).toArray();
    }

    @Test
    void joinsRowsThatFollowEachOtherOnBothSides() {
        Region rows = Region.of(new Box(new long[] {2, 0, 0}, new long[] {3, 4, 5}));
        assertArrayEquals(new long[] {1, 60}, Runs.count(rows, null, Region.whole(new long[] {9, 4, 5})));
        Region columns = Region.of(new Box(new long[] {0, 0, 1}, new long[] {9, 4, 2}));
        assertArrayEquals(new long[] {36, 72}, Runs.count(Region.whole(new long[] {9, 4, 5}), null, columns));
    }

    @Test
    void joinsRunsOfSeveralCallsWhereTheyContinue() throws IOException {
        StringBuilder runs = new StringBuilder();
        Runs.Merged merged = new Runs.Merged((from, step, to, count) -> runs.append(from)
                .append('/')
                .append(step)
                .append('>')
                .append(to)
                .append('x')
                .append(count)
                .append(' '));
        for (long[] run : List.of(
                new long[] {0, 1, 0, 2},
                new long[] {2, 1, 2, 3},
                new long[] {5, 1, 6, 1},
                new long[] {6, 4, 7, 2},
                new long[] {20, 9, 9, 1},
                new long[] {21, 1, 10, 1})) {
            merged.run(run[0], run[1], run[2], run[3]);
        }
        merged.flush();
        merged.flush();
        assertEquals("0/1>0x5 5/1>6x1 6/4>7x2 20/1>9x2 ", runs.toString());
    }
}
