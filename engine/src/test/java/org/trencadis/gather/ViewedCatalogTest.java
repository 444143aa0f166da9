package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.codec.Codec;
import org.trencadis.container.Container;
import org.trencadis.container.ImportOptions;
import org.trencadis.container.StoredCheckpoint;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.CatalogException;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.index.View;
import org.trencadis.index.ViewedCatalog;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Tilings;

/** Views against an oracle that places one element after the other. */
class ViewedCatalogTest {
    private static final Dtype[] TYPES = {
        Dtype.UINT8, Dtype.BFLOAT16, Dtype.FLOAT32, Dtype.INT64, Dtype.COMPLEX64, Dtype.COMPLEX128
    };

    @TempDir
    Path directory;

    /** A view of random pieces of random tensors, and the bytes that it must have. */
    private final class RandomView {
        final Dtype dtype;
        final long[] shape;
        final byte[] expected;
        final List<View.Piece> pieces = new ArrayList<>();
        private final Random random;

        RandomView(Mosaic mosaic, Random random) throws IOException {
            this.random = random;
            dtype = TYPES[random.nextInt(TYPES.length)];
            shape = new long[random.nextInt(6)];
            Arrays.setAll(shape, axis -> 1 + random.nextInt(5));
            expected = new byte[(int) dtype.bytes(Box.whole(shape).elements())];
            for (Region tile : mosaic.tile(Box.whole(shape), 4)) {
                List<Box> boxes = new ArrayList<>();
                tile.forEachBox(boxes::add);
                for (Box box : boxes) {
                    addPiece(mosaic, box);
                }
            }
        }

        private void addPiece(Mosaic mosaic, Box to) throws IOException {
            // The axes of the source in a random order; those with one element may be missing, others come in.
            List<Integer> order = new ArrayList<>();
            for (int axis = 0; axis < to.order(); axis++) {
                if (to.extents()[axis] > 1 || random.nextBoolean()) {
                    order.add(axis);
                }
            }
            for (int extra = random.nextInt(2); extra > 0; extra--) {
                order.add(-1);
            }
            if (random.nextInt(3) > 0) {
                Collections.shuffle(order, random);
            }
            long[] offsets = new long[order.size()];
            long[] extents = new long[order.size()];
            long[] whole = new long[order.size()];
            int[] axes = new int[to.order()];
            Arrays.fill(axes, BoxMap.ADDED);
            for (int axis = 0; axis < whole.length; axis++) {
                extents[axis] = order.get(axis) < 0 ? 1 : to.extents()[order.get(axis)];
                offsets[axis] = random.nextInt(3);
                whole[axis] = offsets[axis] + extents[axis] + random.nextInt(3);
                if (order.get(axis) >= 0) {
                    axes[order.get(axis)] = axis;
                }
            }
            String name = "source" + pieces.size();
            byte[] content =
                    compressible(mosaic.randomBytes(dtype.bytes(Box.whole(whole).elements())));
            int tensor = mosaic.builder.addTensor(name, "model", dtype, whole);
            mosaic.addCopy(tensor, dtype, whole, content, mosaic.tile(Box.whole(whole), 3));
            pieces.add(new View.Piece(name, new BoxMap(new Box(offsets, extents), to, axes)));
            int width = dtype.bytes();
            for (long element = 0; element < to.elements(); element++) {
                long[] target = to.unflatten(element);
                long[] source = offsets.clone();
                for (int axis = 0; axis < axes.length; axis++) {
                    if (axes[axis] >= 0) {
                        source[axes[axis]] += target[axis] - to.offsets()[axis];
                    }
                }
                int from = (int) Box.whole(whole).flatten(source) * width;
                System.arraycopy(content, from, expected, (int) Box.whole(shape).flatten(target) * width, width);
            }
        }

        ViewedCatalog.Naming naming() {
            return (state, shapes) -> List.of(new View("view", shape, pieces));
        }

        void check(Gatherer gatherer) throws IOException {
            Tensor view = gatherer.catalog().tensor(0);
            assertEquals("view", view.name());
            byte[] actual = new byte[expected.length];
            gatherer.gather(view, Region.whole(shape), MemorySegment.ofArray(actual));
            assertArrayEquals(expected, actual, () -> view + " " + pieces);
            for (int target = 0; target < 6; target++) {
                Region region = Tilings.region(random, shape);
                byte[] part = new byte[(int) dtype.bytes(region.count())];
                gatherer.gather(view, region, MemorySegment.ofArray(part));
                for (int element = 0; element < region.count(); element++) {
                    long[] point = region.box().unflatten(region.start() + element);
                    int at = (int) Box.whole(shape).flatten(point) * dtype.bytes();
                    int here = element * dtype.bytes();
                    assertTrue(Arrays.equals(expected, at, at + dtype.bytes(), part, here, here + dtype.bytes()));
                }
            }
        }
    }

    /** Bytes of two bits each. */
    private static byte[] compressible(byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] &= 3;
        }
        return bytes;
    }

    @Test
    void randomViewsOfForeignFragmentsHoldWhatAnElementByElementOracleSays() throws IOException {
        Random random = new Random(11);
        for (int round = 0; round < 60; round++) {
            try (Mosaic mosaic = new Mosaic(directory, round)) {
                RandomView view = new RandomView(mosaic, random);
                try (Catalog catalog = mosaic.build();
                        FileCache cache = mosaic.cache;
                        Catalog viewed = ViewedCatalog.build(catalog, view.naming(), "random", "viewed");
                        CheckpointFiles files = CheckpointFiles.open(viewed, directory, null, cache)) {
                    viewed.checkStructure();
                    view.check(new Gatherer(viewed, files));
                }
            }
        }
    }

    @Test
    void randomViewsOfStoredTensorsHoldTheSame() throws IOException {
        Random random = new Random(12);
        for (int round = 0; round < 6; round++) {
            try (Mosaic mosaic = new Mosaic(directory, round)) {
                RandomView view = new RandomView(mosaic, random);
                try (Catalog catalog = mosaic.build();
                        FileCache cache = mosaic.cache;
                        CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, cache);
                        Container container = Container.openOrCreate(directory.resolve("c" + round), cache)) {
                    Gatherer gatherer = new Gatherer(catalog, files);
                    for (Codec codec : new Codec[] {Codec.RAW, Codec.ZSTD, Codec.LZ4}) {
                        String name = codec.name();
                        container.importCheckpoint(gatherer, new ImportOptions(name, codec, 1), bytes -> {});
                        checkStored(container, name, cache, view.naming(), view::check);
                    }
                }
            }
        }
    }

    private interface Check {
        void check(Gatherer gatherer) throws IOException;
    }

    private static void checkStored(
            Container container, String name, FileCache cache, ViewedCatalog.Naming naming, Check check)
            throws IOException {
        try (StoredCheckpoint stored = container.open(name);
                Catalog viewed = ViewedCatalog.build(stored.catalog(), naming, "random", "viewed");
                CheckpointFiles shards = CheckpointFiles.open(viewed, null, container.shardDirectory(), cache)) {
            check.check(new Gatherer(viewed, shards));
        }
    }

    @Test
    void largeStoredTensorsAreTurnedAndCutChunkByChunk() throws IOException {
        long rows = 1543;
        long columns = 1201;
        byte[] content = new byte[(int) (rows * columns * 4)];
        for (int element = 0; element < rows * columns; element++) {
            int value = (int) (element / columns * 31 + element % columns * 7);
            content[4 * element] = (byte) value;
            content[4 * element + 1] = (byte) (value >>> 8);
        }
        try (Mosaic mosaic = new Mosaic(directory, 1)) {
            long[] shape = {rows, columns};
            int tensor = mosaic.builder.addTensor("w", "model", Dtype.FLOAT32, shape);
            mosaic.addCopy(tensor, Dtype.FLOAT32, shape, content, List.of(Region.whole(shape)));
            BoxMap turned = new BoxMap(Box.whole(shape), Box.whole(new long[] {columns, rows}), new int[] {1, 0});
            BoxMap cut = BoxMap.moved(
                    new Box(new long[] {3, 500}, new long[] {rows - 3, 600}), Box.whole(new long[] {rows - 3, 600}));
            ViewedCatalog.Naming naming = (state, shapes) -> List.of(
                    new View("cut", cut.to().extents(), List.of(new View.Piece("w", cut))),
                    new View("turned", turned.to().extents(), List.of(new View.Piece("w", turned))));
            try (Catalog catalog = mosaic.build();
                    FileCache cache = mosaic.cache;
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, cache);
                    Container container = Container.openOrCreate(directory.resolve("large"), cache)) {
                for (Codec codec : new Codec[] {Codec.RAW, Codec.ZSTD}) {
                    container.importCheckpoint(
                            new Gatherer(catalog, files), new ImportOptions(codec.name(), codec, 1), bytes -> {});
                    checkStored(container, codec.name(), cache, naming, gatherer -> {
                        checkElements(gatherer, 0, content, columns, cut);
                        checkElements(gatherer, 1, content, columns, turned);
                    });
                }
            }
        }
    }

    /** The map's elements, one by one, in a gather of each thousand rows and in the walk that hashes. */
    private static void checkElements(Gatherer gatherer, int ordinal, byte[] content, long columns, BoxMap map)
            throws IOException {
        Tensor tensor = gatherer.catalog().tensor(ordinal);
        byte[] actual = new byte[(int) tensor.bytes()];
        gatherer.gather(tensor, Region.whole(tensor.shape()), MemorySegment.ofArray(actual));
        byte[] expected = new byte[actual.length];
        boolean turned = map.axes()[0] == 1;
        for (int element = 0; element < tensor.elements(); element++) {
            long row = element / tensor.shape()[1];
            long column = element % tensor.shape()[1];
            long from = map.from().offsets()[0] + (turned ? column : row);
            long at = (from * columns + map.from().offsets()[1] + (turned ? row : column)) * 4;
            System.arraycopy(content, (int) at, expected, 4 * element, 4);
        }
        assertArrayEquals(expected, actual);
    }

    @Test
    void oneFragmentOfSeveralExtentsIsCutAndTurned() throws IOException {
        byte[] content = new byte[7 * 5 * 2];
        for (int i = 0; i < content.length; i++) {
            content[i] = (byte) i;
        }
        Path file = directory.resolve("extents.bin");
        byte[] scattered = new byte[200];
        System.arraycopy(content, 0, scattered, 100, 22);
        System.arraycopy(content, 22, scattered, 3, 40);
        System.arraycopy(content, 62, scattered, 60, 8);
        Files.write(file, scattered);
        long[] shape = {7, 5};
        try (CatalogBuilder builder = new CatalogBuilder()) {
            FileStamp stamp = FileStamp.of(file);
            int number = builder.addFile(new FileEntry(
                    false,
                    "extents.bin",
                    stamp.sizeBytes(),
                    stamp.device(),
                    stamp.inode(),
                    stamp.mtimeNs(),
                    stamp.ctimeNs(),
                    null));
            int copy = builder.addCopy(builder.addTensor("w", "model", Dtype.INT16, shape), -1);
            builder.addFragment(copy, Region.whole(shape), -1, -1, number, 100, 22);
            builder.addExtent(number, 3, 40);
            builder.addExtent(number, 60, 8);
            BoxMap turned = new BoxMap(Box.whole(shape), Box.whole(new long[] {5, 7}), new int[] {1, 0});
            BoxMap rows = BoxMap.moved(new Box(new long[] {1, 0}, new long[] {5, 5}), Box.whole(new long[] {5, 5}));
            try (FileCache cache = new FileCache();
                    Catalog catalog = builder.build("extents");
                    Catalog viewed = ViewedCatalog.build(
                            catalog,
                            (state, shapes) -> List.of(
                                    new View("rows", rows.to().extents(), List.of(new View.Piece("w", rows))),
                                    new View("same", shape, List.of(new View.Piece("w", BoxMap.identity(shape)))),
                                    new View("turned", turned.to().extents(), List.of(new View.Piece("w", turned)))),
                            "test",
                            "viewed");
                    CheckpointFiles files = CheckpointFiles.open(viewed, directory, null, cache)) {
                Gatherer gatherer = new Gatherer(viewed, files);
                byte[] same = new byte[70];
                gatherer.gather(viewed.tensor(1), Region.whole(shape), MemorySegment.ofArray(same));
                assertArrayEquals(content, same);
                byte[] middle = new byte[50];
                gatherer.gather(viewed.tensor(0), Region.whole(new long[] {5, 5}), MemorySegment.ofArray(middle));
                assertArrayEquals(Arrays.copyOfRange(content, 10, 60), middle);
                byte[] other = new byte[70];
                gatherer.gather(viewed.tensor(2), Region.whole(new long[] {5, 7}), MemorySegment.ofArray(other));
                for (int element = 0; element < 35; element++) {
                    int from = element % 7 * 5 + element / 7;
                    assertEquals(content[2 * from], other[2 * element]);
                    assertEquals(content[2 * from + 1], other[2 * element + 1]);
                }
            }
        }
    }

    @Test
    void groupsStepsListsAliasesAndMarginsFollow() throws IOException {
        try (Mosaic mosaic = new Mosaic(directory, 5)) {
            long[] shape = {4, 3};
            Box beyond = new Box(new long[] {4, 0}, new long[] {2, 3});
            for (String name : List.of("a", "b", "c")) {
                int tensor = mosaic.builder.addTensor(name, "fp32", Dtype.FLOAT32, shape);
                byte[] content = mosaic.randomBytes(48);
                mosaic.addCopy(tensor, Dtype.FLOAT32, shape, content, mosaic.tile(Box.whole(shape), 2));
            }
            int margin = mosaic.builder.addMargin(mosaic.builder.findTensor("c", "fp32"), -1);
            byte[] rows = mosaic.randomBytes(24);
            mosaic.addFragment(margin, Dtype.FLOAT32, beyond, rows, Region.of(beyond));
            mosaic.builder.addAlias("tied", "c");
            Value.Mapping steps = new Value.Mapping(List.of(
                    new Value.Entry(new Value.Text("a"), new Value.Int(3)),
                    new Value.Entry(new Value.Text("b"), new Value.Int(3)),
                    new Value.Entry(new Value.Text("c"), new Value.Int(4))));
            Value.Mapping settings = new Value.Mapping(List.of(new Value.Entry(new Value.Text("steps"), steps)));
            mosaic.builder.addGroup(new Group("g", List.of("b", "a", "c"), false, settings));
            mosaic.builder.addFact("frozen", new Value.Sequence(List.of(new Value.Text("c"))));
            BoxMap turned = new BoxMap(Box.whole(shape), Box.whole(new long[] {3, 4}), new int[] {1, 0});
            Box lower = new Box(new long[] {4, 0}, shape);
            try (Catalog catalog = mosaic.build();
                    FileCache cache = mosaic.cache;
                    Catalog viewed = ViewedCatalog.build(
                            catalog,
                            (state, shapes) -> List.of(
                                    new View(
                                            "ab",
                                            new long[] {8, 3},
                                            List.of(
                                                    new View.Piece("a", BoxMap.identity(shape)),
                                                    new View.Piece("b", BoxMap.moved(Box.whole(shape), lower)))),
                                    new View("ct", new long[] {3, 4}, List.of(new View.Piece("c", turned))),
                                    new View("tt", new long[] {3, 4}, List.of(new View.Piece("tied", turned)))),
                            "test",
                            "viewed");
                    CheckpointFiles files = CheckpointFiles.open(viewed, directory, null, cache)) {
                assertEquals(2, viewed.tensorCount());
                Group group = viewed.groups().getFirst();
                assertEquals(List.of("ab", "ct"), group.parameters());
                Value.Mapping viewedSteps = (Value.Mapping) group.settings().find("steps");
                assertEquals(new Value.Int(3), viewedSteps.find("ab"));
                assertEquals(new Value.Int(4), viewedSteps.find("ct"));
                assertEquals("tt", viewed.aliases().getFirst().name());
                assertEquals("ct", viewed.aliases().getFirst().target());
                assertEquals(
                        new Value.Sequence(List.of(new Value.Text("ct"))),
                        viewed.facts().find("frozen"));
                Tensor ct = viewed.tensor(1);
                Gatherer gatherer = new Gatherer(viewed, files);
                Region columns = gatherer.copyRegion(ct, 1);
                assertEquals(new Box(new long[] {0, 4}, new long[] {3, 2}), columns.box());
                byte[] actual = new byte[24];
                gatherer.gatherCopy(ct, 1, columns, MemorySegment.ofArray(actual));
                for (int element = 0; element < 6; element++) {
                    int from = element % 2 * 3 + element / 2;
                    assertTrue(Arrays.equals(rows, 4 * from, 4 * from + 4, actual, 4 * element, 4 * element + 4));
                }
            }
        }
    }

    @Test
    void whatCannotFollowIsRefusedByName() throws IOException {
        try (Mosaic mosaic = new Mosaic(directory, 6)) {
            long[] shape = {2};
            Box beyond = new Box(new long[] {2}, new long[] {1});
            for (String name : List.of("a", "b")) {
                int tensor = mosaic.builder.addTensor(
                        name, "fp32", name.equals("a") ? Dtype.FLOAT32 : Dtype.BFLOAT16, shape);
                Dtype dtype = name.equals("a") ? Dtype.FLOAT32 : Dtype.BFLOAT16;
                mosaic.addCopy(tensor, dtype, shape, new byte[(int) dtype.bytes(2)], List.of(Region.whole(shape)));
            }
            int margin = mosaic.builder.addMargin(mosaic.builder.findTensor("a", "fp32"), -1);
            mosaic.addFragment(margin, Dtype.FLOAT32, beyond, new byte[4], Region.of(beyond));
            mosaic.builder.addGroup(new Group("g0", List.of("a"), false, new Value.Mapping(List.of())));
            mosaic.builder.addGroup(new Group("g1", List.of("b"), false, new Value.Mapping(List.of())));
            Box second = new Box(new long[] {2}, shape);
            View both = new View(
                    "both",
                    new long[] {4},
                    List.of(
                            new View.Piece("a", BoxMap.identity(shape)),
                            new View.Piece("b", BoxMap.moved(Box.whole(shape), second))));
            View hole = new View("hole", new long[] {3}, List.of(new View.Piece("b", BoxMap.identity(shape))));
            View rows = new View(
                    "more",
                    new long[] {4},
                    List.of(
                            new View.Piece("a", BoxMap.identity(shape)),
                            new View.Piece("a", BoxMap.moved(Box.whole(shape), second))));
            try (Catalog catalog = mosaic.build();
                    FileCache cache = mosaic.cache) {
                assertTrue(refused(catalog, both).contains("a:fp32 and b:fp32: one is float32, the other bfloat16"));
                assertTrue(refused(catalog, hole).startsWith("hole in tensor hole:fp32"));
                assertTrue(refused(catalog, rows).contains("a:fp32 of shape 2 has rows beyond its shape, [2:3]"));
            }
        }
    }

    private static String refused(Catalog catalog, View view) {
        return assertThrows(
                        CatalogException.class,
                        () -> ViewedCatalog.build(catalog, (state, shapes) -> List.of(view), "test", "viewed"))
                .getMessage();
    }
}
