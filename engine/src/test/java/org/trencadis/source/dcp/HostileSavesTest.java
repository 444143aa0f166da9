package org.trencadis.source.dcp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.ExpectedTensors;

/** What is wrong with a save is named, and nothing of it is read. */
class HostileSavesTest {
    private static final BigInteger HUGE = BigInteger.TWO.pow(70);

    @TempDir
    Path folder;

    private void assertRefused(TinySave save, String... parts) throws IOException {
        save.write(folder);
        assertRefused(folder, parts);
    }

    private static void assertRefused(Path directory, String... parts) {
        IOException refused = assertThrows(
                IOException.class,
                () -> Checkpoint.open(directory, OpenOptions.NONE).close());
        for (String part : parts) {
            assertTrue(refused.getMessage().contains(part), refused::toString);
        }
    }

    @Test
    void theSoundSaveIsRead() throws IOException {
        TinySave.whole().write(folder);
        try (Checkpoint checkpoint = Checkpoint.open(folder, OpenOptions.NONE)) {
            assertEquals(1, checkpoint.catalog().tensorCount());
            assertEquals(64, checkpoint.catalog().tensor(0).bytes());
        }
    }

    @Test
    void cutMetadataAreRefusedAtEveryLength() throws IOException {
        TinySave.whole().write(folder);
        byte[] whole = Files.readAllBytes(folder.resolve(".metadata"));
        for (int length = 0; length < whole.length; length += 7) {
            Files.write(folder.resolve(".metadata"), Arrays.copyOf(whole, length));
            assertRefused(folder, ".metadata");
        }
    }

    @Test
    void dataWithoutMetadataAreASaveThatWasCutShort() throws IOException {
        TinySave.whole().write(folder);
        Files.delete(folder.resolve(".metadata"));
        assertRefused(folder, TinySave.DATA, "no .metadata", "cut short");
    }

    @Test
    void aMissingDataFileIsNamed() throws IOException {
        TinySave.whole().write(folder);
        Files.delete(folder.resolve(TinySave.DATA));
        assertRefused(folder, TinySave.DATA, "missing");
    }

    @Test
    void aShortDataFileIsNamed() throws IOException {
        TinySave.whole().write(folder);
        byte[] data = Files.readAllBytes(folder.resolve(TinySave.DATA));
        Files.write(folder.resolve(TinySave.DATA), Arrays.copyOf(data, 1000));
        assertRefused(folder, TinySave.DATA, "an item lies in its file", "1000 bytes");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, 1L << 40, Long.MAX_VALUE / 32, Long.MAX_VALUE})
    void itemsOutsideTheirFileAreRefused(long number) throws IOException {
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, number, TinySave.ITEM_BYTES));
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, number));
    }

    @Test
    void numbersThatAreTooLargeOrNoneAreRefused() throws IOException {
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, HUGE, TinySave.ITEM_BYTES));
        assertRefused(new TinySave().chunk(HUGE, 0, 4, 4).item("w", HUGE, 0, TinySave.DATA, 0, TinySave.ITEM_BYTES));
        assertRefused(new TinySave().shape(HUGE, 4).chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, 1641));
        assertRefused(
                new TinySave().shape(1L << 40, 1L << 40).chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, 1641));
        assertRefused(new TinySave().shape(-4, 4).chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, 1641));
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", "a", 0, TinySave.DATA, 0, 1641), "MetadataIndex");
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", 0, 0, 7, 0, 1641), "relative_path");
        assertRefused(new TinySave().dtype("quint8").chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, 1641));
    }

    @Test
    void chunksBeyondTheirTensorAreRefused() throws IOException {
        assertRefused(
                new TinySave().shape(3, 4).chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, 1641),
                "does not lie in the tensor");
        assertRefused(
                new TinySave().shape(6, 4).chunk(3, 0, 4, 4).item("w", 3, 0, TinySave.DATA, 0, 1641),
                "does not lie in the tensor");
        assertRefused(
                new TinySave().chunk(0, 0, Long.MAX_VALUE >> 5, 4).item("w", 0, 0, TinySave.DATA, 0, 1641),
                "does not lie in the tensor");
    }

    @Test
    void chunksThatAreNowhereTwiceOrNotThereAreRefused() throws IOException {
        assertRefused(TinySave.whole().shape(8, 4).chunk(4, 0, 4, 4), "[4, 0] is in no data file");
        assertRefused(TinySave.whole().item("w", 0, 0, TinySave.DATA, 0, 1641), "two items");
        assertRefused(TinySave.whole().item("w", 1, 0, TinySave.DATA, 0, 1641), "no such chunk");
        assertRefused(TinySave.whole().item("v", 0, 0, TinySave.DATA, 0, 1641), "no entry of the save");
    }

    @Test
    void holesAndOverlapsAreRefused() throws IOException {
        assertRefused(TinySave.whole().shape(6, 4), "hole");
        assertRefused(
                TinySave.whole().shape(6, 4).chunk(2, 0, 4, 4).item("w", 2, 0, TinySave.DATA, 0, TinySave.ITEM_BYTES),
                "overlap");
    }

    @Test
    void itemsOfAnotherTypeOrShapeAreRefused() throws IOException {
        assertRefused(
                new TinySave().dtype("int32").chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 0, 1641),
                "int32 4x4",
                "float32 4x4");
        assertRefused(
                new TinySave().shape(4, 5).chunk(0, 0, 4, 5).item("w", 0, 0, TinySave.DATA, 0, 1641),
                "4x5",
                "float32 4x4");
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", 0, 0, TinySave.DATA, 1, 1640), TinySave.DATA);
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x.distcp", "/etc/passwd", "", ".", "a/../../x", "a\0b", "none.distcp"})
    void dataFilesOutsideTheFolderAreRefused(String path) throws IOException {
        assertRefused(new TinySave().chunk(0, 0, 4, 4).item("w", 0, 0, path, 0, 1641), ".metadata");
    }

    @Test
    void missingMetadataOfARankAreNamed() throws IOException {
        Path source = ExpectedTensors.of("dcp/rank_local_metadata").checkpoint();
        for (String name : new String[] {"__0_0.distcp", "__1_0.distcp", "__1.metadata"}) {
            Files.copy(source.resolve(name), folder.resolve(name));
        }
        assertRefused(folder, "__0.metadata is missing");
        Files.copy(source.resolve("__0.metadata"), folder.resolve("__0.metadata"));
        Files.delete(folder.resolve("__1.metadata"));
        assertRefused(folder, "hole");
        Files.copy(source.resolve("__0.metadata"), folder.resolve(".metadata"));
        assertRefused(folder, "two saves lie in one folder");
    }

    @Test
    void aCompressedItemThatIsCutIsNamed() throws IOException {
        Path source = ExpectedTensors.of("dcp/zstd").checkpoint();
        Files.copy(source.resolve(".metadata"), folder.resolve(".metadata"));
        byte[] data = Files.readAllBytes(source.resolve(TinySave.DATA));
        Arrays.fill(data, 454, 800, (byte) 0);
        Files.write(folder.resolve(TinySave.DATA), data);
        assertRefused(folder, TinySave.DATA, "Zstandard");
    }

    @Test
    void severalStepsAreListedAndOneIsFollowed() throws IOException {
        Path first = Files.createDirectory(folder.resolve("step-10"));
        TinySave.whole().write(first);
        try (Checkpoint checkpoint = Checkpoint.open(folder, OpenOptions.NONE)) {
            assertEquals("step-10", checkpoint.catalog().findFact("tag"));
        }
        TinySave.whole().write(Files.createDirectory(folder.resolve("step-20")));
        SourceException refused = assertThrows(
                SourceException.class,
                () -> Checkpoint.open(folder, OpenOptions.NONE).close());
        assertTrue(refused.getMessage().contains("step-10, step-20"), refused::getMessage);
    }
}
