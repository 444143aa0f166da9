package org.trencadis.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Random shapes, regions and tilings for property tests. */
public final class Tilings {
    private Tilings() {}

    /** A shape of order 0 to 6: many ones, odd extents, now and then an empty axis. */
    public static long[] shape(Random random) {
        long[] shape = new long[random.nextInt(7)];
        for (int axis = 0; axis < shape.length; axis++) {
            int kind = random.nextInt(14);
            shape[axis] = kind == 0 ? 0 : kind < 5 ? 1 : 1L + random.nextInt(5);
        }
        return shape;
    }

    /** A random region inside a tensor of {@code shape}, empty ones too. */
    public static Region region(Random random, long[] shape) {
        long[] offsets = new long[shape.length];
        long[] extents = new long[shape.length];
        for (int axis = 0; axis < shape.length; axis++) {
            boolean whole = random.nextBoolean();
            offsets[axis] = whole ? 0 : random.nextInt((int) shape[axis] + 1);
            extents[axis] = whole ? shape[axis] : random.nextInt((int) (shape[axis] - offsets[axis]) + 1);
        }
        Box box = new Box(offsets, extents);
        if (random.nextBoolean()) {
            return Region.of(box);
        }
        long start = random.nextLong(box.elements() + 1);
        return new Region(box, start, random.nextLong(box.elements() - start + 1));
    }

    /** Regions that tile {@code box}: split along axes up to {@code depth} times, some cut into flat intervals. */
    public static List<Region> tile(Random random, Box box, int depth) {
        List<Region> tiles = new ArrayList<>();
        tile(random, box, depth, tiles);
        return tiles;
    }

    private static void tile(Random random, Box box, int depth, List<Region> tiles) {
        long elements = box.elements();
        if (elements == 0) {
            return;
        }
        int axis = box.order() == 0 ? -1 : random.nextInt(box.order());
        int kind = depth == 0 ? 2 : random.nextInt(4);
        if (kind < 2 && axis >= 0 && box.extents()[axis] > 1) {
            long first = 1L + random.nextInt((int) box.extents()[axis] - 1);
            long[] left = box.extents().clone();
            left[axis] = first;
            long[] offsets = box.offsets().clone();
            offsets[axis] += first;
            long[] right = box.extents().clone();
            right[axis] -= first;
            tile(random, new Box(box.offsets(), left), depth - 1, tiles);
            tile(random, new Box(offsets, right), depth - 1, tiles);
        } else if (kind == 3 && elements > 1) {
            long from = 0;
            while (from < elements) {
                long count = 1 + random.nextLong(elements - from);
                tiles.add(new Region(box, from, count));
                from += count;
            }
        } else {
            tiles.add(Region.of(box));
        }
    }

    /** How often each element of a tensor of {@code shape} is covered, by looking at every element of every region. */
    public static int[] coverage(long[] shape, List<Region> regions) {
        Box whole = Box.whole(shape);
        int[] times = new int[(int) whole.elements()];
        for (Region region : regions) {
            for (long element = 0; element < region.count(); element++) {
                times[(int) whole.flatten(region.box().unflatten(region.start() + element))]++;
            }
        }
        return times;
    }
}
