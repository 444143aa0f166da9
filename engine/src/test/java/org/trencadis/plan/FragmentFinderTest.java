package org.trencadis.plan;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Copy;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Runs;
import org.trencadis.tensor.Tilings;

class FragmentFinderTest {
    private static Catalog catalog(long[] shape, List<Region> tiles) throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            int copy = builder.addCopy(builder.addTensor("w", "fp32", Dtype.FLOAT32, shape), -1);
            int file = builder.addFile(new FileEntry(false, "f", 0, 0, 0, 0, 0, null));
            for (Region tile : tiles) {
                builder.addFragment(copy, tile, -1, -1, file, 0, 4 * tile.count());
            }
            return builder.build("test");
        }
    }

    private static List<Region> found(Catalog catalog, FragmentFinder finder, Region region) throws IOException {
        Tensor tensor = catalog.tensor(0);
        Copy copy = catalog.copy(tensor, 0);
        List<Region> found = new ArrayList<>();
        finder.forEach(tensor, copy, region, fragment -> found.add(fragment.region()));
        return found;
    }

    @Test
    void missesNoFragmentThatMeetsARegion() throws IOException {
        Random random = new Random(6);
        for (int round = 0; round < 40; round++) {
            long[] shape = {1 + random.nextInt(30), 1 + random.nextInt(20), 1 + random.nextInt(20)};
            List<Region> tiles = Tilings.tile(random, Box.whole(shape), 12);
            Collections.shuffle(tiles, random);
            try (Catalog catalog = catalog(shape, tiles)) {
                FragmentFinder finder = new FragmentFinder(catalog);
                for (int target = 0; target < 20; target++) {
                    Region region = Tilings.region(random, shape);
                    List<Region> expected = new ArrayList<>();
                    for (Region tile : tiles) {
                        if (Runs.count(tile, null, region)[1] > 0) {
                            expected.add(tile);
                        }
                    }
                    List<Region> found = found(catalog, finder, region);
                    assertTrue(found.containsAll(expected), () -> region + " in " + tiles);
                    assertEquals(found.stream().distinct().count(), found.size());
                }
            }
        }
    }

    @Test
    void looksAtFewOfManyFragments() throws IOException {
        int windows = 100_000;
        long[] shape = {1000, 1000};
        List<Region> tiles = new ArrayList<>();
        for (int window = 0; window < windows; window++) {
            tiles.add(new Region(Box.whole(shape), window * 10L, 10));
        }
        try (Catalog catalog = catalog(shape, tiles)) {
            FragmentFinder finder = new FragmentFinder(catalog);
            Region row = Region.of(new Box(new long[] {500, 0}, new long[] {1, 1000}));
            assertEquals(100, found(catalog, finder, row).size());
            assertEquals(
                    1,
                    found(catalog, finder, Region.whole(shape).part(999_999, 1)).size());
            assertEquals(
                    2, found(catalog, finder, Region.whole(shape).part(5, 10)).size());
            GatherPlanner planner = new GatherPlanner(catalog);
            Tensor tensor = catalog.tensor(0);
            GatherPlanner.Cost cost = planner.planCost(tensor, catalog.copy(tensor, 0), row);
            assertEquals(4000, cost.bytes());
            assertEquals(100, cost.runs());
            assertEquals(100, cost.fragments());
            assertEquals(1, cost.files().cardinality());
        }
    }

    @Test
    void passesOverRowsOfAGridThatEndBeforeTheRegion() throws IOException {
        List<Region> tiles = new ArrayList<>();
        for (int row = 0; row < 100; row++) {
            for (int column = 0; column < 100; column++) {
                tiles.add(Region.of(new Box(new long[] {row * 10L, column * 10L}, new long[] {10, 10})));
            }
        }
        long[] shape = {1000, 1000};
        try (Catalog catalog = catalog(shape, tiles)) {
            Region point = Region.of(new Box(new long[] {777, 333}, new long[] {1, 1}));
            int found = found(catalog, new FragmentFinder(catalog), point).size();
            assertTrue(found <= 100, "looked at " + found + " of 10000 fragments");
        }
    }
}
