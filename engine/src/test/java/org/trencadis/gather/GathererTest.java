package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Tilings;

class GathererTest {
    private static final Dtype[] TYPES = {
        Dtype.UINT8, Dtype.BFLOAT16, Dtype.FLOAT32, Dtype.INT64, Dtype.COMPLEX64, Dtype.COMPLEX128
    };

    @TempDir
    Path directory;

    @Test
    void gathersRandomRegionsOfRandomTilingsAsAnElementByElementOracle() throws IOException {
        Random random = new Random(1);
        for (int round = 0; round < 150; round++) {
            Dtype dtype = TYPES[random.nextInt(TYPES.length)];
            long[] shape = Tilings.shape(random);
            try (Mosaic mosaic = new Mosaic(directory, round)) {
                int tensor = mosaic.builder.addTensor("w", "model", dtype, shape);
                byte[] content = mosaic.randomBytes(dtype.bytes(Box.whole(shape).elements()));
                mosaic.addCopy(tensor, dtype, shape, content, mosaic.tile(Box.whole(shape), 5));
                mosaic.addCopy(tensor, dtype, shape, content, mosaic.tile(Box.whole(shape), 3));
                try (Catalog catalog = mosaic.build();
                        FileCache cache = mosaic.cache;
                        CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, cache)) {
                    Gatherer gatherer = new Gatherer(catalog, files);
                    for (int target = 0; target < 16; target++) {
                        Region region = Tilings.region(random, shape);
                        check(gatherer, catalog.tensor(0), target % 2, region, content);
                    }
                }
            }
        }
    }

    private static void check(Gatherer gatherer, Tensor tensor, int copy, Region region, byte[] content)
            throws IOException {
        int width = tensor.dtype().bytes();
        byte[] expected = new byte[(int) region.count() * width];
        Box whole = Box.whole(tensor.shape());
        for (long element = 0; element < region.count(); element++) {
            long[] point = region.box().unflatten(region.start() + element);
            System.arraycopy(content, (int) whole.flatten(point) * width, expected, (int) element * width, width);
        }
        byte[] actual = new byte[expected.length];
        gatherer.gatherCopy(tensor, copy, region, MemorySegment.ofArray(actual));
        assertArrayEquals(expected, actual, () -> tensor + " " + region);
        MemorySegment view = gatherer.findView(tensor, region);
        if (view != null) {
            assertArrayEquals(expected, view.toArray(ValueLayout.JAVA_BYTE), () -> "view of " + tensor + " " + region);
        }
        var cost = gatherer.planner().planCost(tensor, gatherer.catalog().copy(tensor, copy), region);
        assertEquals(expected.length, cost.bytes());
    }
}
