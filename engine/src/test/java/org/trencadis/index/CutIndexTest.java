package org.trencadis.index;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.Value;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.StorageException;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** An index that is cut while it is open is named by whatever is read of it next, however warm the code is. */
class CutIndexTest {
    private static final int TENSORS = 1_000;
    private static final long[] SHAPE = {2, 3};

    @TempDir
    Path temp;

    private final FileCache cache = new FileCache();
    private Path file;
    private Catalog catalog;

    @BeforeEach
    void openIndex() throws IOException {
        file = temp.resolve("a.1.idx");
        try (CatalogBuilder builder = new CatalogBuilder()) {
            add(builder);
            try (Catalog built = builder.build("built")) {
                built.image().seal();
                Files.write(file, built.image().segment().toArray(ValueLayout.JAVA_BYTE));
            }
        }
        catalog = open();
    }

    private Catalog open() throws IOException {
        FileLease lease = cache.lease(file);
        return Catalog.over(IndexImage.open(file.toString(), lease.segment(), lease::close));
    }

    private static void add(CatalogBuilder builder) throws IOException {
        int source = builder.addFile(new FileEntry(false, "a.bin", 1 << 20, 1, 2, 3, 4, null));
        int holders = builder.addHolders(List.of(0L));
        int encoding = builder.addEncoding(new Encoding(true, false, false, null));
        for (int i = 0; i < TENSORS; i++) {
            int tensor = builder.addTensor("tensor." + i, "fp32", Dtype.FLOAT32, SHAPE);
            builder.addFragment(
                    builder.addCopy(tensor, holders), Region.whole(SHAPE), encoding, -1, source, 24L * i, 24);
        }
        builder.addGroup(new Group("g", List.of("tensor.0"), false, new Value.Mapping(List.of())));
        builder.addAlias("other", "tensor.0");
        builder.addAttachment(new Attachment("args", "a.bin", new Value.Text("x")));
        builder.addFinding("code", "text");
        builder.addFact("source", new Value.Text("test"));
    }

    @AfterEach
    void close() {
        catalog.close();
        cache.close();
    }

    private void cut() throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(4096);
        }
    }

    private void assertCut(Executable read) {
        StorageException e = assertThrows(StorageException.class, read);
        assertEquals(file + ": was cut while it was read", e.getMessage());
    }

    @Test
    void everyReadOfACutIndexNamesIt() throws IOException {
        Tensor last = catalog.tensor(TENSORS - 1);
        Copy copy = catalog.copy(last, 0);
        Fragment fragment = catalog.fragment(copy, 0);
        MemorySegment bytes = MemorySegment.ofArray(new byte[8]);
        List<Executable> reads = new ArrayList<>(List.of(
                () -> catalog.tensor(TENSORS - 1),
                () -> catalog.findTensor(last.name(), last.state()),
                () -> catalog.findTensors(last.name()),
                () -> catalog.copy(last, 0),
                () -> catalog.fragment(copy, 0),
                () -> catalog.forEachFragment(copy, each -> {}),
                () -> catalog.extent(fragment, 0),
                () -> catalog.encoding(0),
                () -> catalog.file(0),
                () -> catalog.holders(0),
                catalog::groups,
                catalog::aliases,
                catalog::attachments,
                catalog::findings,
                catalog::facts,
                () -> catalog.findFact("source")));
        for (Executable read : reads) {
            assertReads(read);
        }
        reads.add(catalog::checkStructure);
        reads.add(() -> catalog.image().checkPages());
        reads.add(() -> catalog.image().copyTo(bytes, 1 << 17, 8));
        cut();
        for (Executable read : reads) {
            assertCut(read);
        }
    }

    private static void assertReads(Executable read) {
        try {
            read.execute();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aWarmWalkNamesTheIndexThatIsCutUnderIt() throws IOException {
        for (int round = 0; round < 30; round++) {
            assertEquals(TENSORS, walk());
        }
        cut();
        assertCut(this::walk);
        assertCut(catalog::checkStructure);
    }

    /** What listing a checkpoint reads. */
    private int walk() throws IOException {
        int[] fragments = new int[1];
        for (int ordinal = 0; ordinal < TENSORS; ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            assertTrue(tensor.name().startsWith("tensor."));
            catalog.forEachFragment(catalog.copy(tensor, 0), fragment -> {
                assertEquals(24, catalog.extent(fragment, 0).lengthBytes());
                fragments[0]++;
            });
        }
        return fragments[0];
    }

    @Test
    void anIndexThatIsCutWhileItIsOpenedIsNamed() throws IOException {
        try (FileCache other = new FileCache();
                FileLease lease = other.lease(file)) {
            cut();
            assertCut(() -> IndexImage.open(file.toString(), lease.segment(), () -> {}));
        }
    }
}
