package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.trencadis.codec.Codec;
import org.trencadis.format.ChunkRecord;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Truncated;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardHeader;
import org.trencadis.format.ShardTrailer;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;

class ShardFileTest {
    private static final int CHUNK = FormatLimits.CHUNK_BYTES;

    @TempDir
    Path temporary;

    private FileCache cache;

    @BeforeEach
    void openCache() {
        cache = new FileCache();
    }

    @AfterEach
    void closeCache() {
        cache.close();
    }

    /** Writes runs to one shard each in order; returns the first one. */
    private Path shard(Codec codec, byte[]... runs) throws Exception {
        ContainerFiles files = Pieces.container(temporary.resolve("c"), cache);
        Pieces pieces = new Pieces(List.of(runs));
        StoredParts parts = pieces.write(files, codec, pieces.inOrder(), 1);
        return files.shard(parts.used().getFirst().id());
    }

    private static byte[] smooth(int length, long seed) {
        Random random = new Random(seed);
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; at++) {
            bytes[at] = (byte) random.nextInt(5);
        }
        return bytes;
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void anyPartOfAByteStringIsReadToHeapAndToNativeMemory(Codec codec) throws Exception {
        byte[] run = smooth(CHUNK + 1_000_000, 1);
        try (ShardFile shard = ShardFile.open(shard(codec, new byte[77], run), cache);
                Arena arena = Arena.ofConfined()) {
            Random random = new Random(2);
            for (int round = 0; round < 60; round++) {
                int from = round == 0 ? 0 : random.nextInt(run.length);
                int count = round == 0 ? run.length : random.nextInt(Math.min(run.length - from, 200_000) + 1);
                MemorySegment target =
                        round % 2 == 0 ? arena.allocate(count + 10) : MemorySegment.ofArray(new byte[count + 10]);
                shard.read(1, from, target, 5, count);
                assertArrayEquals(
                        Arrays.copyOfRange(run, from, from + count),
                        target.asSlice(5, count).toArray(ValueLayout.JAVA_BYTE));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void onlyRawBytesHaveAView(Codec codec) throws Exception {
        byte[] run = smooth(CHUNK + 1_000_000, 3);
        try (ShardFile shard = ShardFile.open(shard(codec, run), cache)) {
            MemorySegment view = shard.findView(0, CHUNK - 10, 30);
            if (codec == Codec.RAW) {
                assertArrayEquals(Arrays.copyOfRange(run, CHUNK - 10, CHUNK + 20), view.toArray(ValueLayout.JAVA_BYTE));
            } else {
                assertNull(view);
            }
        }
    }

    @Test
    void bytesBeyondAByteStringAreRefused() throws Exception {
        try (ShardFile shard = ShardFile.open(shard(Codec.RAW, new byte[100], new byte[200]), cache)) {
            MemorySegment target = MemorySegment.ofArray(new byte[400]);
            assertThrows(Corrupt.class, () -> shard.read(0, 0, target, 0, 101));
            assertThrows(Corrupt.class, () -> shard.read(2, 0, target, 0, 1));
            assertThrows(Corrupt.class, () -> shard.read(-1, 0, target, 0, 1));
            assertThrows(Corrupt.class, () -> shard.findView(1, 150, 51));
            assertThrows(Corrupt.class, () -> shard.chunk(1L << 40));
        }
    }

    @Test
    void chunksAreFoundByTheirDigest() throws Exception {
        byte[][] runs = new byte[300][];
        for (int run = 0; run < runs.length; run++) {
            runs[run] = new byte[] {(byte) (run % 100), 1, 2};
        }
        try (ShardFile shard = ShardFile.open(shard(Codec.RAW, runs), cache)) {
            assertEquals(300, shard.chunkCount());
            for (int run = 0; run < 100; run++) {
                byte[] digest = Digests.sha256().digest(runs[run]);
                assertArrayEquals(new int[] {run, run + 100, run + 200}, shard.findChunks(digest));
                assertArrayEquals(digest, shard.digest(run));
            }
            for (int other = 0; other < 300; other++) {
                byte[] digest = Digests.sha256().digest(new byte[] {(byte) other, 9});
                assertEquals(0, shard.findChunks(digest).length);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aFlippedByteOfThePayloadIsFoundWhenItsChunkIsRead(Codec codec) throws Exception {
        byte[] run = smooth(300_000, 4);
        Path file = shard(codec, run);
        byte[] good = Files.readAllBytes(file);
        good[4096 + 123] ^= 4;
        Files.write(file, good);
        try (ShardFile shard = ShardFile.open(file, cache)) {
            MemorySegment target = MemorySegment.ofArray(new byte[run.length]);
            Corrupt damage = assertThrows(Corrupt.class, () -> shard.read(0, 0, target, 0, run.length));
            assertEquals("chunk 0", damage.place().section());
            assertEquals(4096, damage.place().offsetBytes());
            assertThrows(Corrupt.class, () -> shard.checkChunk(0));
        }
    }

    @Test
    void everyDamagedByteOfTheRecordsIsFoundAtOpen() throws Exception {
        Path file = shard(Codec.RAW, smooth(10, 1), smooth(1000, 2), smooth(20, 3));
        byte[] good = Files.readAllBytes(file);
        long table = good.length - ShardTrailer.LAYOUT.sizeBytes() - 16 - 1024 - 3L * ChunkRecord.LAYOUT.sizeBytes();
        assertEquals(good.length, ShardTrailer.fileBytes(table, 3));
        for (int at = 0; at < good.length; at++) {
            if (at >= ShardHeader.LAYOUT.sizeBytes() && at < table) {
                continue;
            }
            byte[] damaged = good.clone();
            damaged[at] ^= 0x10;
            Files.write(file, damaged);
            FormatException damage =
                    assertThrows(FormatException.class, () -> ShardFile.open(file, cache), "byte " + at);
            assertEquals(file.toString(), damage.place().resource());
        }
    }

    @Test
    void bytesThatBelongToNoChunkAreZero() throws Exception {
        Path file = shard(Codec.RAW, smooth(10, 1), smooth(70_000, 2));
        byte[] good = Files.readAllBytes(file);
        for (int at : new int[] {74, 4095, 4096 + 70_000}) {
            byte[] damaged = good.clone();
            damaged[at] = 1;
            Files.write(file, damaged);
            try (ShardFile shard = ShardFile.open(file, cache)) {
                Corrupt damage = assertThrows(Corrupt.class, shard::checkGaps);
                assertEquals(at, damage.place().offsetBytes());
            }
        }
        Files.write(file, good);
        try (ShardFile shard = ShardFile.open(file, cache)) {
            shard.checkGaps();
        }
    }

    @Test
    void aShardThatWasCutIsTruncated() throws Exception {
        Path file = shard(Codec.RAW, smooth(10, 1), smooth(70_000, 2));
        byte[] good = Files.readAllBytes(file);
        for (int length : new int[] {0, 1, 63, 64, 159, 160, 5000, good.length - 96, good.length - 1}) {
            Files.write(file, Arrays.copyOf(good, length));
            assertThrows(Truncated.class, () -> ShardFile.open(file, cache), length + " bytes");
        }
    }

    @Test
    void aShardUnderAnotherNameIsRefused() throws Exception {
        Path file = shard(Codec.RAW, smooth(10, 1));
        Path other = Files.copy(file, file.resolveSibling("00.shard"));
        assertThrows(Corrupt.class, () -> ShardFile.open(other, cache));
    }
}
