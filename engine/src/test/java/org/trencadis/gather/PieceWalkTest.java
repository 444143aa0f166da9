package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Tensor;
import org.trencadis.storage.StorageException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

class PieceWalkTest {
    private static final int PIECE = 4 * 1024 * 1024;

    @TempDir
    Path directory;

    /** Where the walk's pieces go: key, copy and piece number to bytes. */
    private static final class Pieces implements PieceWalk.PieceSink {
        final Map<String, byte[]> bytes = new ConcurrentHashMap<>();

        @Override
        public void accept(Tensor tensor, int copy, long piece, ByteBuffer buffer, byte[] sha256) {
            byte[] content = new byte[buffer.remaining()];
            buffer.get(content);
            assertArrayEquals(sha256(content), sha256);
            assertEquals(null, bytes.put(tensor.key() + "/" + copy + "/" + piece, content));
        }

        /** All pieces of a copy, one after the other. */
        byte[] joined(String key, int copy) {
            ByteArrayOutputStream all = new ByteArrayOutputStream();
            for (int piece = 0; bytes.containsKey(key + "/" + copy + "/" + piece); piece++) {
                byte[] content = bytes.get(key + "/" + copy + "/" + piece);
                boolean last = !bytes.containsKey(key + "/" + copy + "/" + (piece + 1));
                assertTrue(last || content.length == PIECE);
                all.writeBytes(content);
            }
            return all.toByteArray();
        }
    }

    @Test
    void handsOutEveryByteOnceAndComputesTheDigestsOfTheSpecification() throws Exception {
        Map<String, byte[]> contents = new TreeMap<>();
        Map<String, Dtype> types = new HashMap<>();
        Map<String, long[]> shapes = new HashMap<>();
        try (Mosaic mosaic = new Mosaic(directory, 5)) {
            add(mosaic, contents, types, shapes, "large:exp_avg", Dtype.FLOAT32, 3, 450_001);
            add(mosaic, contents, types, shapes, "exact:model", Dtype.FLOAT64, 2, PIECE / 8);
            add(mosaic, contents, types, shapes, "wide:model", Dtype.COMPLEX128, 700, 401);
            add(mosaic, contents, types, shapes, "scalar:fp32", Dtype.FLOAT32);
            add(mosaic, contents, types, shapes, "empty:fp32", Dtype.FLOAT32, 3, 0);
            for (int i = 0; i < 50; i++) {
                add(mosaic, contents, types, shapes, "small" + i + ":fp32", Dtype.FLOAT32, 1 + i, 7);
            }
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                Gatherer gatherer = new Gatherer(catalog, files);
                for (int threads : new int[] {1, 3}) {
                    Pieces pieces = new Pieces();
                    AtomicLong progress = new AtomicLong();
                    PieceWalk walk = new PieceWalk(gatherer, threads);
                    CatalogDigests digests = walk.run(pieces, progress::addAndGet);
                    assertEquals(walk.totalBytes(), progress.get());
                    // By name, then state: a separator that sorts before every character of a name.
                    Map<String, byte[]> roots = new TreeMap<>(Comparator.comparing(key -> key.replace(':', '\0')));
                    for (Map.Entry<String, byte[]> entry : contents.entrySet()) {
                        String key = entry.getKey();
                        assertArrayEquals(entry.getValue(), pieces.joined(key, 0), key);
                        byte[] root = root(types.get(key), shapes.get(key), entry.getValue());
                        int ordinal = catalog.findTensor(key.split(":")[0], key.split(":")[1]);
                        assertArrayEquals(root, digests.root(ordinal), key);
                        roots.put(key, root);
                    }
                    checkDigests(digests, roots);
                    byte[][] flat = new FlatDigests(gatherer).ofTensors(ordinals(catalog), threads, done -> {});
                    for (int ordinal = 0; ordinal < flat.length; ordinal++) {
                        String key = catalog.tensor(ordinal).key();
                        assertArrayEquals(sha256(contents.get(key)), flat[ordinal], key);
                    }
                }
            }
        }
    }

    private static int[] ordinals(Catalog catalog) {
        int[] ordinals = new int[catalog.tensorCount()];
        Arrays.setAll(ordinals, ordinal -> ordinal);
        return ordinals;
    }

    private static void add(
            Mosaic mosaic,
            Map<String, byte[]> contents,
            Map<String, Dtype> types,
            Map<String, long[]> shapes,
            String key,
            Dtype dtype,
            long... shape)
            throws IOException {
        int tensor = mosaic.builder.addTensor(key.split(":")[0], key.split(":")[1], dtype, shape);
        byte[] content = mosaic.randomBytes(dtype.bytes(Box.whole(shape).elements()));
        mosaic.addCopy(tensor, dtype, shape, content, mosaic.tile(Box.whole(shape), 3));
        contents.put(key, content);
        types.put(key, dtype);
        shapes.put(key, shape);
    }

    private static void checkDigests(CatalogDigests digests, Map<String, byte[]> roots) throws Exception {
        Map<String, ByteArrayOutputStream> states = new TreeMap<>();
        roots.forEach((key, root) -> named(
                states.computeIfAbsent(key.split(":")[1], state -> tagged("trencadis state digest 0")),
                key.split(":")[0],
                root));
        ByteArrayOutputStream universal = tagged("trencadis universal digest 0");
        assertEquals(List.copyOf(states.keySet()), List.copyOf(digests.states().keySet()));
        for (Map.Entry<String, ByteArrayOutputStream> state : states.entrySet()) {
            byte[] digest = sha256(state.getValue().toByteArray());
            assertArrayEquals(digest, digests.states().get(state.getKey()), state.getKey());
            named(universal, state.getKey(), digest);
        }
        assertArrayEquals(sha256(universal.toByteArray()), digests.universal());
    }

    private static ByteArrayOutputStream tagged(String tag) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes((tag + "\0").getBytes(StandardCharsets.UTF_8));
        return out;
    }

    private static void named(ByteArrayOutputStream out, String name, byte[] digest) {
        byte[] utf8 = name.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(utf8.length)
                .array());
        out.writeBytes(utf8);
        out.writeBytes(digest);
    }

    static byte[] root(Dtype dtype, long[] shape, byte[] content) {
        ByteArrayOutputStream out = tagged("trencadis tensor root 0");
        out.write(dtype.code());
        out.write(shape.length);
        for (long extent : shape) {
            out.writeBytes(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(extent)
                    .array());
        }
        for (int from = 0; from < content.length; from += PIECE) {
            out.writeBytes(sha256(Arrays.copyOfRange(content, from, Math.min(content.length, from + PIECE))));
        }
        return sha256(out.toByteArray());
    }

    static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /** A float32 tensor's bytes with random finite numbers. */
    private static byte[] numbers(Random random, int elements) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * elements).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < elements; i++) {
            bytes.putFloat((float) random.nextGaussian());
        }
        return bytes.array();
    }

    /** Rounds by distance to the two neighbours, which is not how the engine does it. */
    private static byte[] toBfloat16(byte[] floats) {
        ByteBuffer from = ByteBuffer.wrap(floats).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer to = ByteBuffer.allocate(floats.length / 2).order(ByteOrder.LITTLE_ENDIAN);
        while (from.hasRemaining()) {
            int bits = from.getInt();
            int low = bits & 0xFFFF0000;
            int high = low + 0x10000;
            double number = Float.intBitsToFloat(bits);
            double down = Math.abs(number - Float.intBitsToFloat(low));
            double up = Math.abs(Float.intBitsToFloat(high) - number);
            boolean takeLow = down < up || down == up && (low >>> 16 & 1) == 0;
            to.putShort((short) ((takeLow ? low : high) >>> 16));
        }
        return to.array();
    }

    private void addPair(Mosaic mosaic, String name, Dtype dtype, long[] shape, byte[] master, byte[] model)
            throws IOException {
        int fp32 = mosaic.builder.addTensor(name, "fp32", Dtype.FLOAT32, shape);
        mosaic.addCopy(fp32, Dtype.FLOAT32, shape, master, mosaic.tile(Box.whole(shape), 2));
        int weights = mosaic.builder.addTensor(name, "model", dtype, shape);
        mosaic.addCopy(weights, dtype, shape, model, mosaic.tile(Box.whole(shape), 2));
    }

    @Test
    void recognisesModelTensorsThatAreTheRoundingOfTheirMasters() throws Exception {
        Random random = new Random(7);
        int elements = 2_200_001;
        byte[] master = numbers(random, elements);
        byte[] rounded = toBfloat16(master);
        byte[] off = rounded.clone();
        off[2 * 2_150_000] ^= 1;
        off[2 * 1_000_000] ^= 1;
        long[] shape = {elements};
        try (Mosaic mosaic = new Mosaic(directory, 8)) {
            addPair(mosaic, "yes", Dtype.BFLOAT16, shape, master, rounded);
            addPair(mosaic, "no", Dtype.BFLOAT16, shape, master, off);
            byte[] few = Arrays.copyOf(master, 4000);
            addPair(mosaic, "same", Dtype.FLOAT32, new long[] {1000}, few, few);
            addPair(mosaic, "other", Dtype.FLOAT16, new long[] {1000}, few, Arrays.copyOf(rounded, 2000));
            addPair(mosaic, "none", Dtype.FLOAT16, new long[] {0, 4}, new byte[0], new byte[0]);
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                Gatherer gatherer = new Gatherer(catalog, files);
                CatalogDigests digests = new PieceWalk(gatherer, 2).run(null, done -> {});
                assertTrue(digests.isDerived(catalog.findTensor("yes", "model")));
                assertTrue(digests.isDerived(catalog.findTensor("same", "model")));
                assertTrue(digests.isDerived(catalog.findTensor("none", "model")));
                assertFalse(digests.isDerived(catalog.findTensor("no", "model")));
                assertFalse(digests.isDerived(catalog.findTensor("other", "model")));
                assertFalse(digests.isDerived(catalog.findTensor("yes", "fp32")));
                List<String> findings = digests.findings().stream()
                        .map(finding -> finding.text())
                        .sorted()
                        .toList();
                assertEquals(2, findings.size());
                assertTrue(findings.getFirst().contains("no:model"), findings.getFirst());
                assertTrue(findings.getFirst().contains("[1000000]"), findings.getFirst());
            }
        }
    }

    @Test
    void leavesDerivedTensorsOutOfTheUniversalDigestButNotOutOfTheStateDigest() throws Exception {
        byte[] master = numbers(new Random(9), 1000);
        long[] shape = {10, 100};
        CatalogDigests without = digestsOf("without", mosaic -> {
            int fp32 = mosaic.builder.addTensor("w", "fp32", Dtype.FLOAT32, shape);
            mosaic.addCopy(fp32, Dtype.FLOAT32, shape, master, mosaic.tile(Box.whole(shape), 2));
        });
        CatalogDigests with =
                digestsOf("with", mosaic -> addPair(mosaic, "w", Dtype.BFLOAT16, shape, master, toBfloat16(master)));
        byte[] wrong = toBfloat16(master);
        wrong[0] ^= 1;
        CatalogDigests different =
                digestsOf("different", mosaic -> addPair(mosaic, "w", Dtype.BFLOAT16, shape, master, wrong));
        assertArrayEquals(without.universal(), with.universal());
        assertEquals(List.of("fp32", "model"), List.copyOf(with.states().keySet()));
        assertFalse(Arrays.equals(without.universal(), different.universal()));
    }

    private interface Filler {
        void fill(Mosaic mosaic) throws IOException;
    }

    private CatalogDigests digestsOf(String name, Filler filler) throws IOException {
        Path base = Files.createDirectories(directory.resolve(name));
        try (Mosaic mosaic = new Mosaic(base, name.hashCode())) {
            filler.fill(mosaic);
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, base, null, mosaic.cache)) {
                return new PieceWalk(new Gatherer(catalog, files), 2).run(null, done -> {});
            }
        }
    }

    @Test
    void namesReplicasThatDisagreeAndTakesTheCopyThatWasChosen() throws Exception {
        long[] shape = {1300, 1000};
        try (Mosaic mosaic = new Mosaic(directory, 11)) {
            byte[] content = numbers(new Random(1), 1_300_000);
            byte[] other = content.clone();
            other[4 * (1234 * 1000 + 56) + 2] ^= 64;
            int tensor = mosaic.builder.addTensor("w", "exp_avg", Dtype.FLOAT32, shape);
            mosaic.addCopy(tensor, Dtype.FLOAT32, shape, content, mosaic.tile(Box.whole(shape), 4));
            mosaic.addCopy(tensor, Dtype.FLOAT32, shape, content, mosaic.tile(Box.whole(shape), 4));
            mosaic.addCopy(tensor, Dtype.FLOAT32, shape, other, mosaic.tile(Box.whole(shape), 4));
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                Gatherer gatherer = new Gatherer(catalog, files);
                CatalogException refused =
                        assertThrows(CatalogException.class, () -> new PieceWalk(gatherer, 2).run(null, done -> {}));
                for (String part : List.of("w:exp_avg", "copy 2", "[1234, 56]", ".bin", "--copies")) {
                    assertTrue(refused.getMessage().contains(part), refused.getMessage());
                }
                assertTaken(gatherer, CopyChoice.FIRST, content);
                assertTaken(gatherer, CopyChoice.take(2), other);
                assertTaken(gatherer, CopyChoice.take(9), content);
                byte[] mean = mean(content, content, other);
                assertTaken(gatherer, CopyChoice.AVERAGE, mean);
            }
        }
    }

    private static void assertTaken(Gatherer gatherer, CopyChoice choice, byte[] expected) throws IOException {
        Pieces pieces = new Pieces();
        CatalogDigests digests = new PieceWalk(gatherer, 2, choice).run(pieces, done -> {});
        assertArrayEquals(expected, pieces.joined("w:exp_avg", 0));
        assertArrayEquals(root(Dtype.FLOAT32, new long[] {1300, 1000}, expected), digests.root(0));
    }

    private static byte[] mean(byte[]... copies) {
        byte[] mean = new byte[copies[0].length];
        ByteBuffer out = ByteBuffer.wrap(mean).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < mean.length; at += 4) {
            float sum = 0;
            for (int copy = 0; copy < copies.length; copy++) {
                float number = ByteBuffer.wrap(copies[copy])
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getFloat(at);
                sum = copy == 0 ? number : sum + number;
            }
            out.putFloat(sum / copies.length);
        }
        return mean;
    }

    @Test
    void comparesPartialReplicasWhereTheyMeetCopyZero() throws Exception {
        long[] shape = {40, 30};
        byte[] content = numbers(new Random(1), 1200);
        for (boolean equal : new boolean[] {true, false}) {
            Path base = Files.createDirectories(directory.resolve("partial" + equal));
            try (Mosaic mosaic = new Mosaic(base, 3)) {
                int tensor = mosaic.builder.addTensor("kv", "fp32", Dtype.FLOAT32, shape);
                mosaic.addCopy(tensor, Dtype.FLOAT32, shape, content, mosaic.tile(Box.whole(shape), 4));
                byte[] other = content.clone();
                if (!equal) {
                    other[4 * (12 * 30 + 5)] ^= 1;
                }
                other[0] ^= 1;
                Box part = new Box(new long[] {10, 3}, new long[] {7, 20});
                mosaic.addCopy(tensor, Dtype.FLOAT32, shape, other, mosaic.tile(part, 3));
                try (Catalog catalog = mosaic.build();
                        CheckpointFiles files = CheckpointFiles.open(catalog, base, null, mosaic.cache)) {
                    PieceWalk walk = new PieceWalk(new Gatherer(catalog, files), 1);
                    if (equal) {
                        walk.run(null, done -> {});
                    } else {
                        IOException refused = assertThrows(CatalogException.class, () -> walk.run(null, done -> {}));
                        assertTrue(refused.getMessage().contains("[12, 5]"), refused.getMessage());
                    }
                }
            }
        }
    }

    @Test
    void readsABlendAsTheFloatMeanOfItsCopiesAndItsModelAsTheRoundedMeanOfTheMaster() throws Exception {
        long[] shape = {3, 50_000};
        Random random = new Random(21);
        byte[][] masters = {numbers(random, 150_000), numbers(random, 150_000), numbers(random, 150_000)};
        for (boolean derived : new boolean[] {true, false}) {
            Path base = Files.createDirectories(directory.resolve("blend" + derived));
            try (Mosaic mosaic = new Mosaic(base, 4)) {
                int fp32 = mosaic.builder.addTensor("w", "fp32", Dtype.FLOAT32, shape);
                int model = mosaic.builder.addTensor("w", "model", Dtype.BFLOAT16, shape);
                mosaic.builder.setBlend(fp32);
                mosaic.builder.setBlend(model);
                byte[][] models = new byte[3][];
                for (int copy = 0; copy < 3; copy++) {
                    models[copy] = toBfloat16(masters[copy]);
                    if (!derived) {
                        models[copy][7] ^= 1;
                    }
                    mosaic.addCopy(fp32, Dtype.FLOAT32, shape, masters[copy], mosaic.tile(Box.whole(shape), 3));
                    mosaic.addCopy(model, Dtype.BFLOAT16, shape, models[copy], mosaic.tile(Box.whole(shape), 3));
                }
                try (Catalog catalog = mosaic.build();
                        CheckpointFiles files = CheckpointFiles.open(catalog, base, null, mosaic.cache)) {
                    Gatherer gatherer = new Gatherer(catalog, files);
                    Pieces pieces = new Pieces();
                    PieceWalk walk = new PieceWalk(gatherer, 2);
                    AtomicLong progress = new AtomicLong();
                    CatalogDigests digests = walk.run(pieces, progress::addAndGet);
                    assertEquals(walk.totalBytes(), progress.get());
                    byte[] mean = mean(masters);
                    byte[] modelMean = derived ? toBfloat16(mean) : toBfloat16(mean(widen(models)));
                    assertArrayEquals(root(Dtype.FLOAT32, shape, mean), digests.root(0));
                    assertArrayEquals(root(Dtype.BFLOAT16, shape, modelMean), digests.root(1));
                    assertEquals(derived, digests.isDerived(1));
                    for (int copy = 0; copy < 3; copy++) {
                        assertArrayEquals(masters[copy], pieces.joined("w:fp32", copy));
                        assertArrayEquals(models[copy], pieces.joined("w:model", copy));
                        assertArrayEquals(root(Dtype.FLOAT32, shape, masters[copy]), digests.copyRoot(0, copy));
                        assertArrayEquals(
                                sha256(models[copy]), new FlatDigests(gatherer).ofCopy(catalog.tensor(1), copy));
                    }
                    assertArrayEquals(sha256(modelMean), new FlatDigests(gatherer).ofTensor(catalog.tensor(1)));
                }
            }
        }
    }

    private static byte[][] widen(byte[][] models) {
        byte[][] wide = new byte[models.length][];
        for (int copy = 0; copy < models.length; copy++) {
            ByteBuffer from = ByteBuffer.wrap(models[copy]).order(ByteOrder.LITTLE_ENDIAN);
            ByteBuffer to = ByteBuffer.allocate(models[copy].length * 2).order(ByteOrder.LITTLE_ENDIAN);
            while (from.hasRemaining()) {
                to.putInt(from.getShort() << 16);
            }
            wide[copy] = to.array();
        }
        return wide;
    }

    @Test
    void handsOutMarginsAsTheBoxAroundThem() throws Exception {
        long[] shape = {101, 8};
        try (Mosaic mosaic = new Mosaic(directory, 6)) {
            int tensor = mosaic.builder.addTensor("vocabulary", "fp32", Dtype.FLOAT32, shape);
            byte[] content = numbers(new Random(2), 104 * 8);
            byte[] logical = Arrays.copyOf(content, 101 * 8 * 4);
            byte[] rows = Arrays.copyOfRange(content, 101 * 8 * 4, content.length);
            mosaic.addCopy(tensor, Dtype.FLOAT32, shape, logical, mosaic.tile(Box.whole(shape), 3));
            Box margin = new Box(new long[] {101, 0}, new long[] {3, 8});
            int copy = mosaic.builder.addMargin(tensor, -1);
            for (Region tile : mosaic.tile(margin, 3)) {
                mosaic.addFragment(copy, Dtype.FLOAT32, margin, rows, tile);
            }
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                Gatherer gatherer = new Gatherer(catalog, files);
                assertEquals(Region.of(margin), gatherer.copyRegion(catalog.tensor(0), 1));
                Pieces pieces = new Pieces();
                CatalogDigests digests = new PieceWalk(gatherer, 1).run(pieces, done -> {});
                assertArrayEquals(rows, pieces.joined("vocabulary:fp32", 1));
                assertArrayEquals(root(Dtype.FLOAT32, shape, logical), digests.root(0));
            }
        }
    }

    @Test
    void passesOnTheFailureOfASinkAsItIs() throws Exception {
        long[] shape = {1000};
        try (Mosaic mosaic = new Mosaic(directory, 12)) {
            for (int number = 0; number < 40; number++) {
                int tensor = mosaic.builder.addTensor("w" + number, "fp32", Dtype.FLOAT32, shape);
                mosaic.addCopy(tensor, Dtype.FLOAT32, shape, mosaic.randomBytes(4000), List.of(Region.whole(shape)));
            }
            try (Catalog catalog = mosaic.build();
                    CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                IOException full = new IOException("no space left");
                for (int threads : new int[] {1, 3}) {
                    PieceWalk walk = new PieceWalk(new Gatherer(catalog, files), threads);
                    IOException thrown = assertThrows(
                            IOException.class,
                            () -> walk.run(
                                    (tensor, copy, piece, bytes, sha256) -> {
                                        throw full;
                                    },
                                    done -> {}));
                    assertSame(full, thrown);
                }
            }
        }
    }

    @Test
    void refusesFilesThatChangedOrWentSinceTheyWereCatalogued() throws Exception {
        long[] shape = {100};
        try (Mosaic mosaic = new Mosaic(directory, 6)) {
            int tensor = mosaic.builder.addTensor("w", "fp32", Dtype.FLOAT32, shape);
            mosaic.addCopy(tensor, Dtype.FLOAT32, shape, mosaic.randomBytes(400), List.of(Region.whole(shape)));
            try (Catalog catalog = mosaic.build()) {
                Path file = directory.resolve(catalog.file(catalog.extent(
                                        catalog.fragment(catalog.copy(catalog.tensor(0), 0), 0), 0)
                                .file())
                        .path());
                try (CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                    PieceWalk walk = new PieceWalk(new Gatherer(catalog, files), 1);
                    walk.run(null, done -> {});
                    StorageException meanwhile = assertThrows(
                            StorageException.class,
                            () -> walk.run(
                                    (t, copy, piece, bytes, sha256) ->
                                            Files.setLastModifiedTime(file, FileTime.fromMillis(1000)),
                                    done -> {}));
                    assertNamesFile(meanwhile, file);
                }
                try (CheckpointFiles files = CheckpointFiles.open(catalog, directory, null, mosaic.cache)) {
                    Gatherer gatherer = new Gatherer(catalog, files);
                    StorageException before = assertThrows(
                            StorageException.class, () -> new PieceWalk(gatherer, 1).run(null, done -> {}));
                    assertNamesFile(before, file);
                    Files.delete(file);
                    StorageException missing = assertThrows(
                            StorageException.class, () -> new FlatDigests(gatherer).ofTensor(catalog.tensor(0)));
                    assertNamesFile(missing, file);
                }
            }
        }
    }

    private static void assertNamesFile(StorageException refused, Path file) {
        assertEquals(file, refused.file());
        assertTrue(refused.getMessage().contains("relink"), refused.getMessage());
    }
}
