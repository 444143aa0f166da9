package org.trencadis.index;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.trencadis.format.Value;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Tilings;

class CoverageTest {
    private static Coverage.Regions regions(List<Region> list) {
        return sink -> {
            for (Region region : list) {
                sink.accept(region);
            }
        };
    }

    @Test
    void acceptsEveryTilingInAnyOrder() throws IOException {
        Random random = new Random(3);
        for (int round = 0; round < 3_000; round++) {
            long[] shape = Tilings.shape(random);
            List<Region> tiles = Tilings.tile(random, Box.whole(shape), 6);
            Collections.shuffle(tiles, random);
            assertNull(Coverage.findFault(shape, regions(tiles)), tiles::toString);
            assertNull(Overlap.find(shape.length, regions(tiles)), tiles::toString);
        }
    }

    @Test
    void findsTheFirstElementThatIsNotCoveredOnceAsCountingDoes() throws IOException {
        Random random = new Random(4);
        int holes = 0;
        int overlaps = 0;
        for (int round = 0; round < 5_000; round++) {
            long[] shape = Tilings.shape(random);
            List<Region> tiles = Tilings.tile(random, Box.whole(shape), 5);
            if (tiles.isEmpty()) {
                continue;
            }
            damage(random, shape, tiles);
            int[] times = Tilings.coverage(shape, tiles);
            int first = 0;
            while (first < times.length && times[first] == 1) {
                first++;
            }
            Coverage.Fault fault = Coverage.findFault(shape, regions(tiles));
            if (first == times.length) {
                assertNull(fault);
                continue;
            }
            assertNotNull(fault, tiles::toString);
            assertArrayEquals(Box.whole(shape).unflatten(first), fault.point(), tiles::toString);
            assertEquals(times[first], fault.times());
            if (fault.times() == 0) {
                holes++;
                checkHole(shape, fault.point(), tiles, times);
            } else {
                overlaps++;
            }
        }
        assertTrue(holes > 500 && overlaps > 500, holes + " holes, " + overlaps + " overlaps");
    }

    /** Drops, doubles, shortens or adds a region. */
    private static void damage(Random random, long[] shape, List<Region> tiles) {
        int at = random.nextInt(tiles.size());
        Region region = tiles.get(at);
        switch (random.nextInt(4)) {
            case 0 -> tiles.remove(at);
            case 1 -> tiles.add(region);
            case 2 -> tiles.set(at, region.part(0, random.nextLong(region.count()) + 0));
            default -> tiles.add(Tilings.region(random, shape));
        }
    }

    private static void checkHole(long[] shape, long[] point, List<Region> tiles, int[] times) throws IOException {
        Box hole = Coverage.hole(shape, point, regions(tiles));
        assertTrue(hole.isInside(shape) && hole.elements() > 0);
        assertArrayEquals(point, hole.offsets());
        for (long element = 0; element < hole.elements(); element++) {
            assertEquals(0, times[(int) Box.whole(shape).flatten(hole.unflatten(element))], hole::toString);
        }
    }

    @Test
    void findsOverlapsOfPartialCopiesAsCountingDoes() throws IOException {
        Random random = new Random(5);
        int found = 0;
        for (int round = 0; round < 5_000; round++) {
            long[] shape = Tilings.shape(random);
            List<Region> tiles = Tilings.tile(random, Box.whole(shape), 6);
            tiles.removeIf(tile -> random.nextInt(4) == 0);
            if (random.nextBoolean()) {
                tiles.add(Tilings.region(random, shape));
            }
            int[] times = Tilings.coverage(shape, tiles);
            Box overlap = Overlap.find(shape.length, regions(tiles));
            assertEquals(Arrays.stream(times).anyMatch(count -> count > 1), overlap != null, tiles::toString);
            if (overlap != null) {
                found++;
                for (long element = 0; element < overlap.elements(); element++) {
                    assertTrue(times[(int) Box.whole(shape).flatten(overlap.unflatten(element))] > 1);
                }
            }
        }
        assertTrue(found > 500, found + " overlaps");
    }

    @Test
    void refusesRegionsOutsideTheTensor() {
        List<Region> outside = List.of(Region.of(new Box(new long[] {0, 3}, new long[] {2, 2})));
        CatalogException refused =
                assertThrows(CatalogException.class, () -> Coverage.findFault(new long[] {2, 4}, regions(outside)));
        assertTrue(refused.getMessage().contains("[0:2,3:5]"), refused.getMessage());
        assertThrows(CatalogException.class, () -> Coverage.findFault(new long[] {2}, regions(outside)));
    }

    private static final long[] SHAPE = {6, 4};

    /** The message with which a catalog of one tensor is refused; its second copy and margin may be null. */
    private static String refusal(List<Region> copy, List<Region> second, List<Region> margin, boolean blend) {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            int tensor = builder.addTensor("layer.w", "fp32", Dtype.FLOAT32, SHAPE);
            List<List<Region>> lists = new ArrayList<>(List.of(copy));
            if (second != null) {
                lists.add(second);
            }
            for (int number = 0; number < lists.size(); number++) {
                add(builder, builder.addCopy(tensor, -1), lists.get(number), "rank" + number + ".pt");
            }
            if (margin != null) {
                add(builder, builder.addMargin(tensor, -1), margin, "margin.pt");
            }
            if (blend) {
                builder.setBlend(tensor);
            }
            builder.addFact("source", new Value.Text("test"));
            builder.build("test").close();
            return null;
        } catch (CatalogException e) {
            return e.getMessage();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void add(CatalogBuilder builder, int copy, List<Region> regions, String name) throws IOException {
        int file = builder.addFile(new FileEntry(false, name, 0, 0, 0, 0, 0, null));
        for (Region region : regions) {
            builder.addFragment(copy, region, -1, -1, file, 0, 4 * region.count());
        }
    }

    private static Region rows(long from, long end) {
        return Region.of(new Box(new long[] {from, 0}, new long[] {end - from, 4}));
    }

    private static void assertNames(String message, String... parts) {
        assertNotNull(message);
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
    }

    @Test
    void namesTensorRegionAndFilesOfAHoleAndAnOverlap() {
        List<Region> good = List.of(rows(0, 2), rows(2, 6));
        assertNull(refusal(good, null, null, false));
        assertNames(
                refusal(List.of(rows(0, 2), rows(3, 6)), null, null, false),
                "hole",
                "layer.w:fp32",
                "copy 0",
                "[2:3,0:4]",
                "rank0.pt");
        assertNames(
                refusal(List.of(rows(0, 4), rows(3, 6)), null, null, false),
                "overlap",
                "layer.w:fp32",
                "2 fragments",
                "[3:4,0:1]",
                "rank0.pt");
        assertNames(refusal(List.of(rows(0, 7)), null, null, false), "[0:7,0:4]", "6x4", "rank0.pt");
    }

    @Test
    void allowsFurtherReplicasToBePartialButNotToOverlapAfterAHole() {
        List<Region> good = List.of(rows(0, 6));
        assertNull(refusal(good, List.of(rows(3, 4)), null, false));
        assertNames(
                refusal(good, List.of(rows(2, 5), rows(4, 6)), null, false),
                "overlap",
                "copy 1",
                "[4:5,0:4]",
                "rank1.pt");
        assertNames(refusal(good, List.of(rows(5, 7)), null, false), "copy 1", "[5:7,0:4]");
        assertNames(refusal(good, List.of(rows(1, 6)), null, true), "hole", "copy 1", "[0:1,0:4]");
    }

    @Test
    void requiresMarginsToFillABoxBeyondTheShape() {
        List<Region> good = List.of(rows(0, 6));
        Region cut = new Region(new Box(new long[] {5, 0}, new long[] {3, 4}), 4, 5);
        Region rest = new Region(new Box(new long[] {5, 0}, new long[] {3, 4}), 9, 3);
        assertNull(refusal(good, null, List.of(rows(6, 8)), false));
        assertNull(refusal(good, null, List.of(rest, cut), false));
        assertNames(refusal(good, null, List.of(rows(5, 8)), false), "margin 0", "[5:8,0:4]", "beyond", "margin.pt");
        assertNames(refusal(good, null, List.of(cut), false), "hole", "margin 0", "[7:8,1:4]");
        assertNames(refusal(good, null, List.of(cut, rest, rest), false), "overlap", "margin 0");
    }
}
