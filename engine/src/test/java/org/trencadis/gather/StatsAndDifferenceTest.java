package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.index.Catalog;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

class StatsAndDifferenceTest {
    private static final long[] SHAPE = {300, 701};
    private static final int ELEMENTS = 300 * 701;

    @TempDir
    Path directory;

    private interface Body {
        void run(Gatherer gatherer) throws IOException;
    }

    private void withTensor(String name, Dtype dtype, long[] shape, byte[] content, Body body) throws IOException {
        Path base = Files.createDirectories(directory.resolve(name));
        try (Mosaic mosaic = new Mosaic(base, name.hashCode())) {
            int tensor = mosaic.builder.addTensor("w", "model", dtype, shape);
            mosaic.addCopy(tensor, dtype, shape, content, mosaic.tile(Box.whole(shape), 3));
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, base, null, mosaic.cache)) {
                body.run(new Gatherer(catalog, files));
            }
        }
    }

    private static ByteBuffer buffer(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] doubles(double... numbers) {
        ByteBuffer bytes = buffer(8 * numbers.length);
        for (double number : numbers) {
            bytes.putDouble(number);
        }
        return bytes.array();
    }

    @Test
    void countsAndSumsAsOneLoopOverTheNumbersDoes() throws IOException {
        Random random = new Random(1);
        ByteBuffer bytes = buffer(4 * ELEMENTS);
        double sum = 0;
        double squares = 0;
        double least = Double.MAX_VALUE;
        double greatest = -Double.MAX_VALUE;
        for (int i = 0; i < ELEMENTS; i++) {
            float number = i % 1000 == 7 ? Float.NaN : i % 1000 == 9 ? Float.NEGATIVE_INFINITY : random.nextFloat();
            bytes.putFloat(number);
            if (Float.isFinite(number)) {
                sum += number;
                squares += (double) number * number;
                least = Math.min(least, number);
                greatest = Math.max(greatest, number);
            }
        }
        double[] expected = {least, greatest, sum / (ELEMENTS - 2 * 211), Math.sqrt(squares)};
        withTensor("stats", Dtype.FLOAT32, SHAPE, bytes.array(), gatherer -> {
            AtomicLong progress = new AtomicLong();
            Stats stats = Stats.ofTensors(gatherer, new int[] {0}, 2, progress::addAndGet)
                    .getFirst();
            assertEquals(4L * ELEMENTS, progress.get());
            assertEquals(ELEMENTS, stats.elements());
            assertEquals(211, stats.nanCount());
            assertEquals(211, stats.infiniteCount());
            assertEquals(expected[0], stats.least());
            assertEquals(expected[1], stats.greatest());
            assertEquals(expected[2], stats.mean(), 1e-9);
            assertEquals(expected[3], stats.norm(), 1e-6);
            Region first = Region.whole(SHAPE).part(7, 1);
            Stats nan = Stats.ofCopy(gatherer, gatherer.catalog().tensor(0), 0, first);
            assertEquals(1, nan.nanCount());
            assertTrue(Double.isNaN(nan.least()) && Double.isNaN(nan.mean()));
            assertEquals(0, nan.norm());
        });
    }

    @Test
    void takesComplexNumbersByTheirMagnitude() throws IOException {
        byte[] content = doubles(3, 4, 0, Double.NaN, Double.POSITIVE_INFINITY, 1);
        withTensor("complex", Dtype.COMPLEX128, new long[] {3}, content, gatherer -> {
            Stats stats =
                    Stats.ofTensors(gatherer, new int[] {0}, 1, done -> {}).getFirst();
            assertEquals(new Stats(3, 1, 1, 5, 5, 5, 5), stats);
        });
    }

    private void compare(String name, Dtype dtype, long[] shape, byte[] left, byte[] right, Difference expected)
            throws IOException {
        withTensor(
                name + "-left",
                dtype,
                shape,
                left,
                one -> withTensor(name + "-right", dtype, shape, right, other -> {
                    Difference difference = Difference.ofPairs(
                                    one, other, List.of(new Difference.Pair(0, 0)), 2, done -> {})
                            .getFirst();
                    assertArrayEquals(expected.firstPoint(), difference.firstPoint());
                    assertEquals(expected.differing(), difference.differing());
                    assertEquals(expected.largestAbsolute(), difference.largestAbsolute());
                    assertEquals(expected.firstPoint() == null, difference.isEqual());
                }));
    }

    @Test
    void findsTheFirstElementThatDiffersAndTheLargestDistance() throws IOException {
        ByteBuffer left = buffer(4 * ELEMENTS);
        for (int i = 0; i < ELEMENTS; i++) {
            left.putFloat(i);
        }
        ByteBuffer right = buffer(4 * ELEMENTS).put(left.array());
        compare("same", Dtype.FLOAT32, SHAPE, left.array(), right.array(), new Difference(null, 0, 0));
        right.putFloat(4 * (701 * 123 + 45), 3);
        right.putFloat(4 * (701 * 299 + 700), -7);
        double largest = ELEMENTS - 1 + 7.0;
        compare(
                "other",
                Dtype.FLOAT32,
                SHAPE,
                left.array(),
                right.array(),
                new Difference(new long[] {123, 45}, 2, largest));
    }

    @Test
    void comparesBitsButMeasuresNumbers() throws IOException {
        long[] shape = {2};
        double nan = Double.longBitsToDouble(0x7FF8000000000001L);
        double other = Double.longBitsToDouble(0x7FF8000000000002L);
        long[] second = {1};
        record Case(double left, double right, Difference expected) {}
        List<Case> cases = List.of(
                new Case(nan, nan, new Difference(null, 0, 0)),
                new Case(nan, other, new Difference(second, 1, 0)),
                new Case(0.0, -0.0, new Difference(second, 1, 0)),
                new Case(nan, 1, new Difference(second, 1, Double.NaN)),
                new Case(Double.POSITIVE_INFINITY, 1, new Difference(second, 1, Double.POSITIVE_INFINITY)),
                new Case(1.5, 1, new Difference(second, 1, 0.5)));
        for (int i = 0; i < cases.size(); i++) {
            Case one = cases.get(i);
            compare("bits" + i, Dtype.FLOAT64, shape, doubles(9, one.left()), doubles(9, one.right()), one.expected());
        }
        compare(
                "complex",
                Dtype.COMPLEX128,
                new long[] {1},
                doubles(1, 2),
                doubles(4, 6),
                new Difference(new long[] {0}, 1, 5));
    }

    @Test
    void refusesTensorsOfTwoShapes() throws IOException {
        withTensor(
                "one",
                Dtype.FLOAT64,
                new long[] {2},
                doubles(1, 2),
                one -> withTensor(
                        "two",
                        Dtype.FLOAT64,
                        new long[] {1, 2},
                        doubles(1, 2),
                        other -> assertThrows(
                                IllegalArgumentException.class,
                                () -> Difference.ofPairs(
                                        one, other, List.of(new Difference.Pair(0, 0)), 1, done -> {}))));
    }
}
