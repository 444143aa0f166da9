package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Encoding;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.storage.StorageException;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

class CheckpointFilesTest {
    private static final long[] SHAPE = {8};
    private static final byte[] CONTENT = {1, 2, 3, 4, 5, 6, 7, 8};

    @TempDir
    Path directory;

    private Path base;

    private FileEntry entry(String path, Path file) throws IOException {
        FileStamp stamp = FileStamp.of(file);
        return new FileEntry(
                false, path, stamp.sizeBytes(), stamp.device(), stamp.inode(), stamp.mtimeNs(), stamp.ctimeNs(), null);
    }

    private void makeFiles() throws IOException {
        base = Files.createDirectories(directory.resolve("base"));
        Files.createDirectories(base.resolve("in"));
        Files.write(base.resolve("in/data.bin"), CONTENT);
        Files.write(directory.resolve("outside.bin"), CONTENT);
    }

    private static CatalogBuilder tensor(FileEntry file, Encoding encoding, long offset, long lengthBytes)
            throws IOException {
        CatalogBuilder builder = new CatalogBuilder();
        int tensor = builder.addTensor("w", "model", Dtype.UINT8, SHAPE);
        int number = encoding == null ? -1 : builder.addEncoding(encoding);
        builder.addFragment(
                builder.addCopy(tensor, -1),
                Region.whole(SHAPE),
                number,
                -1,
                builder.addFile(file),
                offset,
                lengthBytes);
        return builder;
    }

    private byte[] read(CatalogBuilder builder) throws IOException {
        try (builder;
                Catalog catalog = builder.build("test");
                FileCache cache = new FileCache();
                CheckpointFiles files = CheckpointFiles.open(catalog, base, null, cache)) {
            byte[] bytes = new byte[8];
            new Gatherer(catalog, files).gather(catalog.tensor(0), Region.whole(SHAPE), MemorySegment.ofArray(bytes));
            files.checkUnchanged();
            return bytes;
        }
    }

    @Test
    void readsPathsInsideTheBaseAndLinksThatStayThere() throws IOException {
        makeFiles();
        Files.createSymbolicLink(base.resolve("link.bin"), Path.of("in/data.bin"));
        for (String path : List.of("in/data.bin", "link.bin")) {
            assertArrayEquals(CONTENT, read(tensor(entry(path, base.resolve(path)), null, 0, 8)));
        }
    }

    @Test
    void refusesPathsThatLeaveTheBase() throws IOException {
        makeFiles();
        Path outside = directory.resolve("outside.bin");
        Files.createSymbolicLink(base.resolve("out.bin"), outside);
        Files.createSymbolicLink(base.resolve("up"), directory);
        for (String path : List.of(
                "../outside.bin", "in/../../outside.bin", outside.toString(), "out.bin", "up/outside.bin", "", "./.")) {
            CatalogBuilder builder = tensor(entry(path, outside), null, 0, 8);
            StorageException refused = assertThrows(StorageException.class, () -> read(builder), path);
            assertTrue(refused.getMessage().contains("base"), refused.getMessage());
        }
    }

    @Test
    void followsLinksOutOfTheBaseWhereAFactAllowsTheirDirectory() throws IOException {
        makeFiles();
        Path outside = directory.resolve("outside.bin");
        Files.createSymbolicLink(base.resolve("out.bin"), outside);
        CatalogBuilder builder = tensor(entry("out.bin", outside), null, 0, 8);
        builder.addFact(
                "base_links",
                new Value.Sequence(List.of(new Value.Text(directory.toRealPath().toString()))));
        assertArrayEquals(CONTENT, read(builder));
    }

    @Test
    void refusesExtentsThatAreNotInTheFile() throws IOException {
        makeFiles();
        FileEntry file = entry("in/data.bin", base.resolve("in/data.bin"));
        for (long offset : new long[] {1, -1, Long.MAX_VALUE - 3, 1L << 40}) {
            assertThrows(Exception.class, () -> read(tensor(file, null, offset, 8)), "offset " + offset);
        }
        StorageException past = assertThrows(StorageException.class, () -> read(tensor(file, null, 1, 8)));
        assertTrue(past.getMessage().contains("data.bin"), past.getMessage());
        Encoding strided = new Encoding(false, false, false, new long[] {2});
        assertThrows(StorageException.class, () -> read(tensor(file, strided, 0, 8)));
        Encoding backwards = new Encoding(false, false, false, new long[] {-1});
        assertThrows(StorageException.class, () -> read(tensor(file, backwards, 6, 8)));
        assertArrayEquals(new byte[] {8, 7, 6, 5, 4, 3, 2, 1}, read(tensor(file, backwards, 7, 8)));
        assertArrayEquals(
                new byte[] {5, 5, 5, 5, 5, 5, 5, 5},
                read(tensor(file, new Encoding(false, false, false, new long[] {0}), 4, 8)));
    }

    @Test
    void refusesExtentsThatAreShorterThanTheFragment() throws IOException {
        makeFiles();
        FileEntry file = entry("in/data.bin", base.resolve("in/data.bin"));
        assertThrows(Corrupt.class, () -> read(tensor(file, null, 0, 7)));
        CatalogBuilder joined = tensor(file, null, 5, 3);
        joined.addExtent(0, 0, 2);
        joined.addExtent(0, 0, 0);
        joined.addExtent(0, 2, 3);
        assertArrayEquals(new byte[] {6, 7, 8, 1, 2, 3, 4, 5}, read(joined));
    }

    @Test
    void readsPackedElementsOnlyWhereTheyStartOnAByte() throws IOException {
        makeFiles();
        try (CatalogBuilder builder = new CatalogBuilder();
                FileCache cache = new FileCache()) {
            int tensor = builder.addTensor("packed", "model", Dtype.FLOAT4_E2M1FN, new long[] {3, 5});
            int file = builder.addFile(entry("in/data.bin", base.resolve("in/data.bin")));
            Region whole = Region.whole(new long[] {3, 5});
            builder.addFragment(builder.addCopy(tensor, -1), whole, -1, -1, file, 0, 8);
            try (Catalog catalog = builder.build("test");
                    CheckpointFiles files = CheckpointFiles.open(catalog, base, null, cache)) {
                Gatherer gatherer = new Gatherer(catalog, files);
                byte[] bytes = new byte[8];
                MemorySegment target = MemorySegment.ofArray(bytes);
                gatherer.gather(catalog.tensor(0), whole, target);
                assertArrayEquals(CONTENT, bytes);
                gatherer.gather(catalog.tensor(0), whole.part(4, 11), target);
                assertArrayEquals(new byte[] {3, 4, 5, 6, 7, 8, 7, 8}, bytes);
                for (Region cut : List.of(whole.part(3, 4), whole.part(2, 3))) {
                    CatalogException refused =
                            assertThrows(CatalogException.class, () -> gatherer.gather(catalog.tensor(0), cut, target));
                    assertTrue(refused.getMessage().contains("packed:model"), refused.getMessage());
                }
            }
        }
    }

    @Test
    void readsMoreFilesThanItKeepsOpen() throws IOException {
        base = Files.createDirectories(directory.resolve("many"));
        int count = CheckpointFiles.MAX_OPEN + 50;
        long[] shape = {count};
        byte[] content = new byte[count];
        try (CatalogBuilder builder = new CatalogBuilder();
                FileCache cache = new FileCache()) {
            int copy = builder.addCopy(builder.addTensor("w", "model", Dtype.UINT8, shape), -1);
            for (int file = 0; file < count; file++) {
                content[file] = (byte) (file * 31);
                Path path = Files.write(base.resolve("f" + file), new byte[] {content[file]});
                int number = builder.addFile(entry("f" + file, path));
                builder.addFragment(copy, Region.whole(shape).part(file, 1), -1, -1, number, 0, 1);
            }
            try (Catalog catalog = builder.build("test");
                    CheckpointFiles files = CheckpointFiles.open(catalog, base, null, cache)) {
                Gatherer gatherer = new Gatherer(catalog, files);
                MemorySegment view =
                        gatherer.findView(catalog.tensor(0), Region.whole(shape).part(0, 1));
                byte[] bytes = new byte[count];
                gatherer.gather(catalog.tensor(0), Region.whole(shape), MemorySegment.ofArray(bytes));
                assertArrayEquals(content, bytes);
                gatherer.gather(
                        catalog.tensor(0),
                        Region.whole(shape).part(0, 50),
                        MemorySegment.ofArray(bytes).asSlice(50));
                assertArrayEquals(Arrays.copyOf(content, 50), Arrays.copyOfRange(bytes, 50, 100));
                assertArrayEquals(new byte[] {content[0]}, view.toArray(ValueLayout.JAVA_BYTE));
                files.checkUnchanged();
            }
        }
    }
}
