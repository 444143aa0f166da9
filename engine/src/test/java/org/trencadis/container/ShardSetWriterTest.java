package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatLimits;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;

class ShardSetWriterTest {
    private static final int CHUNK = FormatLimits.CHUNK_BYTES;

    @TempDir
    Path temporary;

    private final FileCache cache = new FileCache();
    private int containers;

    @AfterEach
    void closeCache() {
        cache.close();
    }

    private ContainerFiles container() throws Exception {
        return Pieces.container(temporary.resolve("c" + containers++), cache);
    }

    /** Runs of many lengths, some noise and some compressible. */
    private static List<byte[]> runs(long seed) {
        Random random = new Random(seed);
        List<byte[]> runs = new ArrayList<>();
        for (int length :
                new int[] {1, 63, 70_000, 0, 65_535, 65_536, CHUNK, CHUNK + 1, 4 * CHUNK + 9, 4096, 2 * CHUNK, 12}) {
            byte[] bytes = new byte[length];
            random.nextBytes(bytes);
            for (int at = 0; runs.size() % 2 == 0 && at < length; at++) {
                bytes[at] &= 3;
            }
            runs.add(bytes);
        }
        return runs;
    }

    private static void assertSame(List<byte[]> expected, List<byte[]> actual) {
        assertEquals(expected.size(), actual.size());
        for (int run = 0; run < expected.size(); run++) {
            assertArrayEquals(expected.get(run), actual.get(run), "run " + run);
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void noOrderOfPiecesAndNoNumberOfThreadsChangesAByte(Codec codec) throws Exception {
        Pieces pieces = new Pieces(runs(1));
        ContainerFiles first = container();
        StoredParts parts = pieces.write(first, codec, pieces.inOrder(), 1);
        assertSame(pieces.runs, pieces.readBack(first, parts));
        Map<String, String> expected = Stored.files(first.root());
        List<List<Pieces.Piece>> orders = List.of(pieces.reversed(), pieces.shuffled(2), pieces.shuffled(3));
        for (int i = 0; i < orders.size(); i++) {
            ContainerFiles files = container();
            pieces.write(files, codec, orders.get(i), 1 + 3 * i);
            assertEquals(expected, Stored.files(files.root()), "order " + i);
        }
    }

    @Test
    void rawRunsLieAlignedAndInOneRunEach() throws Exception {
        Pieces pieces = new Pieces(runs(2));
        ContainerFiles files = container();
        StoredParts parts = pieces.write(files, Codec.RAW, pieces.shuffled(9), 2);
        ShardPlan plan = parts.plan();
        for (int part = 0; part < plan.partCount(); part++) {
            Path path = files.shard(parts.used().get(parts.shard(part)).id());
            try (ShardFile shard = ShardFile.open(path, cache)) {
                ShardFile.Chunk chunk = shard.chunk(parts.firstChunk(part));
                int alignment = plan.bytes(part) < 65_536 ? 64 : 4096;
                assertEquals(0, chunk.offsetBytes() % alignment);
                assertEquals(
                        plan.bytes(part),
                        shard.findView(parts.firstChunk(part), 0, plan.bytes(part))
                                .byteSize());
            }
        }
    }

    @Test
    void compressedShardsAreSmallerAndKeepNoiseRaw() throws Exception {
        Pieces pieces = new Pieces(runs(3));
        for (Codec codec : List.of(Codec.LZ4, Codec.ZSTD)) {
            ContainerFiles files = container();
            StoredParts parts = pieces.write(files, codec, pieces.inOrder(), 2);
            boolean[] seen = new boolean[4];
            for (StoredParts.Shard used : parts.used()) {
                try (ShardFile shard = ShardFile.open(files.shard(used.id()), cache)) {
                    for (int chunk = 0; chunk < shard.chunkCount(); chunk++) {
                        seen[shard.chunk(chunk).codec().code()] = true;
                    }
                }
            }
            assertTrue(seen[codec.code()] && seen[Codec.RAW.code()], codec.toString());
            assertTrue(parts.writtenBytes() < 0.9 * parts.plan().totalBytes());
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void whatIsThereIsNotWrittenAgain(Codec codec) throws Exception {
        Pieces pieces = new Pieces(runs(4));
        ContainerFiles files = container();
        StoredParts first = pieces.write(files, codec, pieces.inOrder(), 1);
        Map<String, String> before = Stored.files(files.root());
        StoredParts second = pieces.write(files, codec, pieces.shuffled(5), 3);
        assertEquals(before, Stored.files(files.root()));
        assertEquals(0, second.writtenBytes());
        long logical = pieces.runs.stream().mapToLong(run -> run.length).sum();
        assertEquals(logical, second.reusedBytes());
        assertSame(pieces.runs, pieces.readBack(files, second));
        assertEquals(0, first.reusedBytes());
    }

    @Test
    void onlyWholeRunsOfTheSameEncodingAreReused() throws Exception {
        Pieces pieces = new Pieces(runs(4));
        ContainerFiles files = container();
        pieces.write(files, Codec.RAW, pieces.inOrder(), 1);
        StoredParts zstd = pieces.write(files, Codec.ZSTD, pieces.shuffled(1), 2);
        assertTrue(zstd.writtenBytes() > 0 && zstd.reusedBytes() > 0);
        assertSame(pieces.runs, pieces.readBack(files, zstd));
        ContainerFiles fresh = container();
        pieces.write(fresh, Codec.ZSTD, pieces.inOrder(), 1);
        StoredParts raw = pieces.write(fresh, Codec.RAW, pieces.shuffled(2), 2);
        assertTrue(raw.writtenBytes() > 0 && raw.reusedBytes() > 0);
        assertSame(pieces.runs, pieces.readBack(fresh, raw));
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aRunThatDiffersSomewhereIsWrittenWholeWhateverTheOrder(Codec codec) throws Exception {
        List<byte[]> old = new ArrayList<>();
        List<byte[]> changed = new ArrayList<>();
        Random random = new Random(6);
        for (int differing = 0; differing < 3; differing++) {
            byte[] bytes = new byte[2 * CHUNK];
            for (int at = 0; at < bytes.length; at++) {
                bytes[at] = (byte) random.nextInt(differing + 3);
            }
            old.add(bytes);
            byte[] other = bytes.clone();
            if (differing < 2) {
                other[differing * CHUNK + 5]++;
            }
            changed.add(other);
            changed.add(new byte[] {(byte) differing});
        }
        Map<String, String> expected = null;
        Pieces after = new Pieces(changed);
        for (List<Pieces.Piece> order : List.of(after.inOrder(), after.reversed(), after.shuffled(7))) {
            ContainerFiles files = container();
            Pieces before = new Pieces(old);
            before.write(files, codec, before.inOrder(), 1);
            StoredParts parts = after.write(files, codec, order, 3);
            assertSame(after.runs, after.readBack(files, parts));
            assertEquals(2 * CHUNK, parts.reusedBytes());
            expected = expected == null ? Stored.files(files.root()) : expected;
            assertEquals(expected, Stored.files(files.root()));
        }
    }

    @Test
    void amongManyEqualChunksTheRunIsFoundThatMatchesToItsEnd() throws Exception {
        List<byte[]> old = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            byte[] bytes = new byte[2 * CHUNK];
            bytes[CHUNK + 3] = (byte) i;
            old.add(bytes);
        }
        ContainerFiles files = container();
        Pieces before = new Pieces(old);
        before.write(files, Codec.RAW, before.inOrder(), 2);
        Pieces after = new Pieces(old.reversed());
        StoredParts parts = after.write(files, Codec.RAW, after.shuffled(1), 2);
        assertEquals(0, parts.writtenBytes());
        assertSame(after.runs, after.readBack(files, parts));
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aRottenChunkIsReportedAndItsRunWrittenAnew(Codec codec) throws Exception {
        Pieces pieces = new Pieces(runs(7));
        ContainerFiles files = container();
        StoredParts first = pieces.write(files, codec, pieces.inOrder(), 1);
        int run = 8;
        int part = first.plan().firstPart(run) + 1;
        Path rotten = files.shard(first.used().get(first.shard(part)).id());
        try (ShardFile shard = ShardFile.open(rotten, cache)) {
            flip(rotten, shard.chunk(first.firstChunk(part) + 1).offsetBytes() + 10);
        }
        byte[] damage = Files.readAllBytes(rotten);
        StoredParts second = pieces.write(files, codec, pieces.shuffled(3), 2);
        assertEquals(1, pieces.findings.size(), pieces.findings.toString());
        assertTrue(
                pieces.findings.getFirst().text().contains(rotten.getFileName().toString()));
        assertTrue(second.writtenBytes() > 0);
        assertSame(pieces.runs, pieces.readBack(files, second));
        assertArrayEquals(damage, Files.readAllBytes(rotten), "what exists is never overwritten");
        StoredParts third = pieces.write(files, codec, pieces.shuffled(4), 2);
        assertEquals(0, third.writtenBytes());
        assertSame(pieces.runs, pieces.readBack(files, third));
    }

    @Test
    void aShardThatIsDamagedInItsRecordsIsNotReused() throws Exception {
        Pieces pieces = new Pieces(List.of(new byte[100], new byte[CHUNK]));
        ContainerFiles files = container();
        StoredParts first = pieces.write(files, Codec.RAW, pieces.inOrder(), 1);
        Path shard = files.shard(first.used().getFirst().id());
        flip(shard, Files.size(shard) - 3);
        StoredParts second = pieces.write(files, Codec.RAW, pieces.inOrder(), 1);
        assertEquals("damaged-shard", pieces.findings.getFirst().code());
        assertFalse(java.util.Arrays.equals(
                first.used().getFirst().id(), second.used().getFirst().id()));
        assertSame(pieces.runs, pieces.readBack(files, second));
    }

    private static void flip(Path file, long at) throws Exception {
        byte[] bytes = Files.readAllBytes(file);
        bytes[(int) at] ^= 1;
        Files.write(file, bytes);
    }
}
