package org.trencadis.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RegionTest {
    @Test
    void expandsToFewBoxesThatHoldItsElementsInOrder() {
        Random random = new Random(1);
        for (int round = 0; round < 20_000; round++) {
            long[] shape = Tilings.shape(random);
            Region region = Tilings.region(random, shape);
            List<Box> boxes = new ArrayList<>();
            region.forEachBox(boxes::add);
            assertTrue(boxes.size() <= Math.max(1, 2 * shape.length - 1), () -> region + " made " + boxes);
            long next = region.start();
            for (Box box : boxes) {
                for (long element = 0; element < box.elements(); element++) {
                    assertEquals(next++, region.box().flatten(box.unflatten(element)), region::toString);
                }
            }
            assertEquals(region.start() + region.count(), next);
        }
    }

    @Test
    void hasAFirstAndALastPointAndParts() {
        Region region = new Region(new Box(new long[] {1, 2}, new long[] {3, 4}), 2, 7);
        assertEquals("[1, 4]", Arrays.toString(region.first()));
        assertEquals("[3, 2]", Arrays.toString(region.last()));
        assertEquals(new Region(region.box(), 5, 4), region.part(3, 4));
        assertThrows(IllegalArgumentException.class, () -> region.part(3, 5));
        assertThrows(IllegalArgumentException.class, () -> new Region(region.box(), 6, 7));
    }

    @Test
    void treatsAScalarAsOneElementAndAnEmptyAxisAsNone() {
        Region scalar = Region.whole(new long[0]);
        assertEquals(1, scalar.count());
        List<Box> boxes = new ArrayList<>();
        scalar.forEachBox(boxes::add);
        Region.whole(new long[] {3, 0}).forEachBox(boxes::add);
        assertEquals(List.of(scalar.box()), boxes);
    }
}
