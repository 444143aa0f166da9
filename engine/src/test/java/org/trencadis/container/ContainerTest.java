package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Tensor;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.StorageException;
import org.trencadis.tensor.Dtype;

class ContainerTest {
    private static final long SMALL_SHARD = 8L << 20;

    @TempDir
    Path temporary;

    private final FileCache cache = new FileCache();

    @AfterEach
    void closeCache() {
        cache.close();
    }

    private ImportReport importInto(Container container, Original original, String name, Codec codec, int threads)
            throws IOException {
        return container.importCheckpoint(original.gatherer(), new ImportOptions(name, codec, threads), bytes -> {});
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void everythingOfACheckpointComesBackFromAnImport(Codec codec) throws IOException {
        Path directory = temporary.resolve("deep/er/c.trencadis");
        try (Original original = Original.rich(temporary.resolve("source"), 1);
                Container container = Container.openOrCreate(directory, cache)) {
            ImportReport report = importInto(container, original, "step-1", codec, 2);
            Stored.check(container, "step-1", original.expected);
            assertEquals(List.of("step-1"), container.names());
            assertEquals(List.of(), Stored.staging(directory));
            assertEquals(0, report.reusedBytes());
            assertEquals(13, report.tensors());
            long logical = original.expected.values().stream()
                    .mapToLong(bytes -> bytes.length)
                    .sum();
            assertEquals(logical, report.logicalBytes());
            long files = 0;
            for (Path shard : container.shardFiles()) {
                files += Files.size(shard);
            }
            assertEquals(files, report.writtenBytes());
            assertEquals(codec == Codec.RAW, report.writtenBytes() > logical);
        }
    }

    @Test
    void anImportKeepsWhatIsNotBytesAndAddsDigests() throws IOException {
        try (Original original = Original.rich(temporary.resolve("source"), 2);
                Container container = Container.openOrCreate(temporary.resolve("c"), cache)) {
            ImportReport report = importInto(container, original, "x", Codec.RAW, 1);
            Catalog from = original.gatherer().catalog();
            try (StoredCheckpoint stored = container.open("x")) {
                Catalog to = stored.catalog();
                assertEquals(1, stored.generation());
                assertEquals(from.groups(), to.groups());
                assertEquals(from.aliases(), to.aliases());
                assertEquals(from.attachments(), to.attachments());
                assertTrue(to.findings().containsAll(from.findings()));
                assertEquals("made-up", to.findFact("source"));
                assertNull(to.facts().find("base"));
                assertEquals(
                        new Value.Blob(report.digests().universal()), to.facts().find("digest.universal"));
                CatalogDigests kept = CatalogDigests.findStored(to);
                assertArrayEquals(report.digests().run(), kept.run());
                assertEquals(report.digests().states().keySet(), kept.states().keySet());
                checkTensors(from, to, report);
            }
        }
    }

    private static void checkTensors(Catalog from, Catalog to, ImportReport report) throws IOException {
        assertEquals(from.tensorCount(), to.tensorCount());
        for (int ordinal = 0; ordinal < to.tensorCount(); ordinal++) {
            Tensor tensor = to.tensor(ordinal);
            assertArrayEquals(report.digests().root(ordinal), tensor.root(), tensor.key());
            assertEquals(from.tensor(ordinal).blend(), tensor.blend());
            for (int copy = 0; copy < tensor.copyCount(); copy++) {
                long fragments = to.copy(tensor, copy).fragmentCount();
                assertEquals(tensor.elements() == 0 ? 0 : 1, fragments, tensor.key());
                assertTrue(to.copy(tensor, copy).complete(), tensor.key());
            }
        }
        Tensor replicas = to.tensor(to.findTensor("f.replicas", "model"));
        assertEquals(1, replicas.copyCount());
        assertEquals(List.of(4L, 5L, 7L, 8L), to.holders(to.copy(replicas, 0).holders()));
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void theBytesOfAnImportDoNotDependOnThreadsOrPlace(Codec codec) throws IOException {
        Map<String, String> first = null;
        for (int threads : new int[] {1, 2, 7}) {
            Path directory = temporary.resolve("c" + threads);
            try (Original original = Original.rich(temporary.resolve("source" + threads), 3);
                    Container container = Container.openOrCreate(directory, cache)) {
                ImportOptions options = new ImportOptions("x", codec, threads);
                new Importer(container.files(), options, SMALL_SHARD).run(original.gatherer(), bytes -> {});
                Stored.check(container, "x", original.expected);
            }
            Map<String, String> files = Stored.files(directory);
            first = first == null ? files : first;
            assertEquals(first, files, threads + " threads");
        }
        assertTrue(first.size() >= 4, "several shards: " + first.keySet());
    }

    @Test
    void aRunLargerThanAShardComesBackFromItsParts() throws IOException {
        try (Original original = new Original(temporary.resolve("source"), 4);
                Container container = Container.openOrCreate(temporary.resolve("c"), cache)) {
            long bytes = 2 * SMALL_SHARD + 77;
            original.tensor("small", "model", Dtype.UINT8, new long[] {100}, original.noise(100));
            original.tensor("wide", "model", Dtype.UINT8, new long[] {bytes}, original.noise(bytes));
            original.tensor("x.after", "model", Dtype.UINT8, new long[] {100}, original.noise(100));
            new Importer(container.files(), new ImportOptions("x", Codec.RAW, 2), SMALL_SHARD)
                    .run(original.gatherer(), done -> {});
            Stored.check(container, "x", original.expected);
            assertEquals(4, container.shardFiles().size());
        }
    }

    @Test
    void aRawTensorIsOneViewOfTheMapping() throws IOException {
        try (Original original = Original.rich(temporary.resolve("source"), 5);
                Container container = Container.openOrCreate(temporary.resolve("c"), cache)) {
            importInto(container, original, "x", Codec.RAW, 2);
            try (StoredCheckpoint stored = container.open("x")) {
                var gatherer = new org.trencadis.gather.Gatherer(stored.catalog(), stored.files());
                Tensor wide = stored.catalog().tensor(stored.catalog().findTensor("c.wide", "model"));
                var view = gatherer.findView(wide, org.trencadis.tensor.Region.whole(wide.shape()));
                assertArrayEquals(
                        original.expected.get("c.wide:model/0"), view.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
                assertEquals(0, view.address() % 4096);
            }
        }
    }

    @Test
    void aLinkHasNoShardsAndReadsTheOriginals() throws IOException {
        Path directory = temporary.resolve("c");
        try (Original original = Original.rich(temporary.resolve("source"), 6);
                Container container = Container.openOrCreate(directory, cache)) {
            container.link(original.gatherer().catalog(), "linked");
            assertEquals(List.of(), container.shardFiles());
            try (StoredCheckpoint stored = container.open("linked")) {
                assertEquals(13, stored.catalog().tensorCount());
                assertFalse(stored.catalog().file(0).shard());
            }
            var linked = new java.util.TreeMap<>(original.expected);
            linked.put("f.replicas:model/1", original.expected.get("f.replicas:model/0"));
            Stored.check(container, "linked", linked);
            importInto(container, original, "imported", Codec.RAW, 1);
            try (StoredCheckpoint stored = container.open("imported")) {
                Catalog shards = stored.catalog();
                assertThrows(CatalogException.class, () -> container.link(shards, "again"));
            }
        }
    }

    @Test
    void aNameThatExistsIsRefusedAndNothingChanges() throws IOException {
        Path directory = temporary.resolve("c");
        try (Original original = Original.rich(temporary.resolve("source"), 7);
                Container container = Container.openOrCreate(directory, cache)) {
            importInto(container, original, "x", Codec.RAW, 1);
            Map<String, String> before = Stored.files(directory);
            IOException refused =
                    assertThrows(StorageException.class, () -> importInto(container, original, "x", Codec.ZSTD, 1));
            assertTrue(refused.getMessage().contains("already has a checkpoint x"), refused.getMessage());
            assertThrows(
                    StorageException.class,
                    () -> container.link(original.gatherer().catalog(), "x"));
            assertEquals(before, Stored.files(directory));
            assertEquals(List.of(), Stored.staging(directory));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".hidden", "-dash", "a/b", "..", "ü", "sp ace"})
    void namesThatAreNoNamesAreRefused(String name) throws IOException {
        assertThrows(CatalogException.class, () -> Container.checkName(name));
        Path directory = temporary.resolve("c");
        try (Original original = Original.rich(temporary.resolve("source"), 8);
                Container container = Container.openOrCreate(directory, cache)) {
            assertThrows(CatalogException.class, () -> importInto(container, original, name, Codec.RAW, 1));
            assertThrows(StorageException.class, () -> container.open(name));
        }
        assertFalse(Files.exists(directory));
    }

    @Test
    void removingACheckpointLeavesShardsAndOtherNames() throws IOException {
        try (Original original = Original.rich(temporary.resolve("source"), 9);
                Container container = Container.openOrCreate(temporary.resolve("c"), cache)) {
            importInto(container, original, "a", Codec.RAW, 1);
            container.link(original.gatherer().catalog(), "a.1");
            int shards = container.shardFiles().size();
            container.remove("a");
            assertEquals(List.of("a.1"), container.names());
            assertEquals(shards, container.shardFiles().size());
            assertThrows(StorageException.class, () -> container.remove("a"));
            assertThrows(StorageException.class, () -> container.open("a"));
            importInto(container, original, "a", Codec.RAW, 1);
            Stored.check(container, "a", original.expected);
        }
    }

    @Test
    void theHighestGenerationIsTheCheckpointAndLowerOnesGoWithIt() throws IOException {
        Path directory = temporary.resolve("c");
        try (Original original = Original.rich(temporary.resolve("source"), 10);
                Container container = Container.openOrCreate(directory, cache)) {
            importInto(container, original, "a", Codec.RAW, 1);
            Path checkpoints = directory.resolve("checkpoints");
            Files.copy(checkpoints.resolve("a.1.idx"), checkpoints.resolve("a.10.idx"));
            Files.copy(checkpoints.resolve("a.1.idx"), checkpoints.resolve("a.9.twin"));
            assertEquals(List.of(new StoredName("a", 10, true, false)), container.entries());
            try (StoredCheckpoint stored = container.open("a")) {
                assertEquals(10, stored.generation());
            }
            container.remove("a");
            assertEquals(List.of(), container.entries());
            assertTrue(Stored.files(directory).keySet().stream().noneMatch(name -> name.startsWith("checkpoints")));
        }
    }

    @Test
    void aTwinWithoutItsIndexIsALostIndex() throws IOException {
        Path directory = temporary.resolve("c");
        try (Original original = Original.rich(temporary.resolve("source"), 11);
                Container container = Container.openOrCreate(directory, cache)) {
            importInto(container, original, "a", Codec.RAW, 1);
            Path index = directory.resolve("checkpoints/a.1.idx");
            Path twin = directory.resolve("checkpoints/a.1.twin");
            assertArrayEquals(Files.readAllBytes(index), Files.readAllBytes(twin));
            Files.delete(index);
            IOException lost = assertThrows(StorageException.class, () -> container.open("a"));
            assertTrue(lost.getMessage().contains("trencadis repair"), lost.getMessage());
            assertEquals(List.of(), container.names());
            assertEquals(List.of(new StoredName("a", 1, false, true)), container.entries());
            assertThrows(StorageException.class, () -> importInto(container, original, "a", Codec.RAW, 1));
            container.remove("a");
            assertEquals(List.of(), container.entries());
        }
    }

    @Test
    void aContainerThatWasNeverUsedDisappears() throws IOException {
        Path fresh = temporary.resolve("fresh");
        Container.openOrCreate(fresh, cache).close();
        assertFalse(Files.exists(fresh));
        Path empty = Files.createDirectory(temporary.resolve("empty"));
        Container.openOrCreate(empty, cache).close();
        assertArrayEquals(new String[0], empty.toFile().list());
        try (Original original = Original.rich(temporary.resolve("source"), 12)) {
            try (Container container = Container.openOrCreate(fresh, cache)) {
                container.link(original.gatherer().catalog(), "x");
                container.remove("x");
            }
            Container.openOrCreate(fresh, cache).close();
        }
        assertTrue(Container.isContainer(fresh));
        try (Container container = Container.open(fresh, cache)) {
            assertEquals(List.of(), container.names());
        }
    }

    @Test
    void directoriesThatAreSomethingElseAreRefusedAndLeftAlone() throws IOException {
        Path other = Files.createDirectory(temporary.resolve("other"));
        Files.writeString(other.resolve("note.txt"), "mine");
        assertFalse(Container.isContainer(other));
        assertThrows(StorageException.class, () -> Container.openOrCreate(other, cache));
        assertThrows(StorageException.class, () -> Container.open(other, cache));
        assertArrayEquals(new String[] {"note.txt"}, other.toFile().list());
        Path file = Files.writeString(temporary.resolve("file"), "x");
        assertThrows(IOException.class, () -> Container.openOrCreate(file, cache));
        assertThrows(StorageException.class, () -> Container.open(temporary.resolve("missing"), cache));
    }

    @Test
    void aDamagedFormatFileIsNamed() throws IOException {
        Path directory = temporary.resolve("c");
        try (Original original = Original.rich(temporary.resolve("source"), 13);
                Container container = Container.openOrCreate(directory, cache)) {
            container.link(original.gatherer().catalog(), "x");
        }
        Path format = directory.resolve("FORMAT");
        byte[] good = Files.readAllBytes(format);
        for (int at = 0; at < good.length; at++) {
            byte[] damaged = good.clone();
            damaged[at] ^= 0x40;
            Files.write(format, damaged);
            FormatException damage =
                    assertThrows(FormatException.class, () -> Container.open(directory, cache), "byte " + at);
            assertTrue(damage.getMessage().contains("FORMAT"), damage.getMessage());
            assertTrue(Container.isContainer(directory));
        }
        Files.write(format, new byte[10]);
        assertThrows(FormatException.Truncated.class, () -> Container.openOrCreate(directory, cache));
        Files.delete(format);
        IOException lost = assertThrows(StorageException.class, () -> Container.openOrCreate(directory, cache));
        assertTrue(lost.getMessage().contains("lost its FORMAT"), lost.getMessage());
        assertTrue(Container.isContainer(directory));
    }
}
