package org.trencadis.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.PieceWalk;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Tensor;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.Sources;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/** Random models under random layouts: every element comes back at its logical place, whatever cut it. */
class GeneratedDeepSpeedTest {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @TempDir
    Path scratch;

    private static List<ParallelLayout> layouts(Random random, int tp) {
        List<ParallelLayout> layouts = new ArrayList<>();
        layouts.add(new ParallelLayout(1, 1, tp, 1 + random.nextInt(5), true, 0));
        layouts.add(new ParallelLayout(2, 1, tp, 1 + random.nextInt(11), random.nextBoolean(), 0));
        if (tp == 1) {
            layouts.add(new ParallelLayout(3, 1, 1, 1 + random.nextInt(12), true, 1 + random.nextInt(60)));
        }
        return layouts;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
    void everyElementComesBackAtItsLogicalPlace(int seed) throws IOException {
        Random random = new Random(seed);
        int tp = 1 + random.nextInt(4);
        List<Parameter> model = RandomModel.make(random, tp, 2, false);
        for (ParallelLayout layout : layouts(random, tp)) {
            Path root = Files.createDirectory(scratch.resolve(layout.toString()));
            DeepSpeedScript.write(root, model, layout, false);
            check(root, model, layout);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {41, 42, 43, 44, 45, 46})
    void aSourceLayoutSaysWhatTheFilesDoNot(int seed) throws IOException {
        Random random = new Random(seed);
        int tp = 2 + random.nextInt(3);
        List<Parameter> model = RandomModel.make(random, tp, 2, false);
        ParallelLayout layout = new ParallelLayout(1, 1, tp, 1 + random.nextInt(4), true, 0);
        Path root = Files.createDirectory(scratch.resolve("save"));
        DeepSpeedScript.writeUndeclared(root, model, layout);
        Path file = Files.writeString(scratch.resolve("layout.yaml"), LayoutDocument.of(model, layout));
        check(root, model, layout, new SourceOptions(null, file));
        assertThrows(SourceException.class, () -> check(root, model, layout));
    }

    @ParameterizedTest
    @ValueSource(ints = {21, 22, 23, 24, 25, 26})
    void pipelineStagesOnlyRegroupParameters(int seed) throws IOException {
        Random random = new Random(seed);
        int tp = 1 + random.nextInt(3);
        List<Parameter> model = RandomModel.make(random, tp, 4, true);
        ParallelLayout layout = new ParallelLayout(1, 2 + random.nextInt(2), tp, 1 + random.nextInt(4), true, 0);
        DeepSpeedScript.write(scratch, model, layout, false);
        check(scratch, model, layout);
    }

    @ParameterizedTest
    @ValueSource(ints = {31, 32, 33})
    void theUniversalDigestDoesNotDependOnTheLayout(int seed) throws IOException {
        Random random = new Random(seed);
        List<Parameter> model = RandomModel.make(random, 1, 2, false);
        String first = null;
        for (int dp = 1; dp <= 7; dp += 3) {
            for (int stage = 1; stage <= 2; stage++) {
                ParallelLayout layout = new ParallelLayout(stage, 1, 1, dp, stage == 1, 0);
                Path root = Files.createDirectory(scratch.resolve(layout.toString()));
                DeepSpeedScript.write(root, model, layout, false);
                String digest = universalDigest(root);
                first = first == null ? digest : first;
                assertEquals(first, digest, layout.toString());
            }
        }
        List<Parameter> other = RandomModel.make(new Random(seed + 100), 1, 2, false);
        DeepSpeedScript.write(scratch.resolve("other"), other, new ParallelLayout(1, 1, 1, 2, true, 0), false);
        assertNotEquals(first, universalDigest(scratch.resolve("other")));
    }

    private static String universalDigest(Path root) throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Sources.open(root, SourceOptions.NONE, cache);
                CheckpointFiles files = files(catalog, cache)) {
            byte[] digest = new PieceWalk(new Gatherer(catalog, files), 2)
                    .run(null, bytes -> {})
                    .universal();
            return HexFormat.of().formatHex(digest);
        }
    }

    private static CheckpointFiles files(Catalog catalog, FileCache cache) throws IOException {
        return CheckpointFiles.open(catalog, Path.of(catalog.findFact("base")), null, cache);
    }

    private static void check(Path root, List<Parameter> model, ParallelLayout layout) throws IOException {
        check(root, model, layout, SourceOptions.NONE);
    }

    private static void check(Path root, List<Parameter> model, ParallelLayout layout, SourceOptions options)
            throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Sources.open(root, options, cache);
                CheckpointFiles files = files(catalog, cache);
                Arena arena = Arena.ofConfined()) {
            Gatherer gatherer = new Gatherer(catalog, files);
            for (Parameter parameter : model) {
                for (String state : Parameter.STATES) {
                    int ordinal = catalog.findTensor(parameter.name(), state);
                    String what = layout + " " + parameter + " " + state;
                    assertTrue(ordinal >= 0, what);
                    Tensor tensor = catalog.tensor(ordinal);
                    assertArrayEquals(parameter.shape(), tensor.shape(), what);
                    MemorySegment bytes = arena.allocate(tensor.bytes(), 8);
                    gatherer.gather(tensor, Region.whole(tensor.shape()), bytes);
                    assertArrayEquals(
                            parameter.logicalBytes(state, layout.tp()), bytes.toArray(ValueLayout.JAVA_BYTE), what);
                    checkMargin(catalog, gatherer, tensor, parameter, state, layout);
                }
            }
        }
    }

    /** Padding rows of a vocabulary are kept, as rows beyond the logical shape. */
    private static void checkMargin(
            Catalog catalog, Gatherer gatherer, Tensor tensor, Parameter parameter, String state, ParallelLayout layout)
            throws IOException {
        long padded = parameter.split().paddedRows(parameter.shape(), layout.tp());
        long rows = padded - parameter.shape()[0];
        if (parameter.split().kind() != Split.Kind.VOCABULARY || layout.tp() == 1 || rows == 0) {
            return;
        }
        String what = layout + " margin of " + parameter;
        assertEquals(1, tensor.marginCount(), what);
        Copy margin = catalog.copy(tensor, tensor.copyCount());
        assertTrue(margin.margin(), what);
        long columns = parameter.elements() / parameter.shape()[0];
        Box box = new Box(new long[] {parameter.shape()[0], 0}, new long[] {rows, columns});
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(4 * rows * columns, 8);
            gatherer.gatherCopy(tensor, tensor.copyCount(), Region.of(box), bytes);
            for (long place = 0; place < rows * columns; place++) {
                float expected = parameter.value(state, parameter.elements() + place, 0);
                assertEquals(expected, bytes.get(FLOAT, 4 * place), what + " element " + place);
            }
        }
    }

    @Test
    void manyRanksAndTensorsBeyond32BitsAreRead() throws IOException {
        List<Parameter> model = List.of(
                new Parameter("wide.weight", new long[] {70_000, 40_000}, Split.of(Split.Kind.REPLICATED), 0, 0),
                new Parameter("odd.weight", new long[] {65_537, 3}, Split.of(Split.Kind.REPLICATED), 0, 0),
                new Parameter("bias", new long[] {1}, Split.of(Split.Kind.REPLICATED), 0, 1));
        ParallelLayout two = new ParallelLayout(1, 1, 1, 2, true, 0);
        DeepSpeedScript.write(scratch.resolve("two"), model, two, true);
        ParallelLayout many = new ParallelLayout(1, 1, 1, 1024, true, 0);
        DeepSpeedScript.write(scratch.resolve("many"), model, many, true);
        for (Path root : List.of(scratch.resolve("two"), scratch.resolve("many"))) {
            try (FileCache cache = new FileCache();
                    Catalog catalog = Sources.open(root, SourceOptions.NONE, cache)) {
                Tensor wide = catalog.tensor(catalog.findTensor("wide.weight", "exp_avg"));
                assertEquals(2_800_000_000L, wide.elements());
                assertTrue(catalog.copy(wide, 0).complete());
                assertEquals(10, catalog.tensorCount() - 2, "three states and the module's three tensors");
            }
        }
    }
}
