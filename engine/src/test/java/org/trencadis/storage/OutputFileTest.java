package org.trencadis.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The naive writer that {@link OutputFile} is compared with is an array. */
final class OutputFileTest {
    private static final int BLOCK = DirectWrites.BLOCK_BYTES;
    private static final int FILE_BYTES = 5 << 20;
    private static final int THREADS = 4;

    /** Linux has files of at most 2^63 bytes, its file systems far shorter ones. */
    private static final long BEYOND_ANY_FILE = Long.MAX_VALUE / BLOCK * BLOCK - FILE_BYTES / BLOCK * BLOCK;

    @TempDir
    Path directory;

    /** Bytes {@code from} to {@code to} of the file, from a buffer that starts {@code phase} bytes behind a block. */
    private record Part(int from, int to, int phase, boolean direct) {}

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void partsOfAnyPlaceAndLengthByManyThreadsMakeTheFile(long seed) throws Exception {
        Random random = new Random(seed);
        byte[] expected = new byte[FILE_BYTES + random.nextInt(BLOCK)];
        random.nextBytes(expected);
        List<Part> parts = parts(random, expected.length);
        Collections.shuffle(parts, random);
        Path path = directory.resolve("file");
        try (OutputFile file = OutputFile.create(path, expected.length)) {
            write(file, expected, parts);
            ByteBuffer back = ByteBuffer.allocate(expected.length);
            file.read(back, 0);
            assertArrayEquals(expected, back.array());
            file.commit(expected.length);
        }
        assertArrayEquals(expected, Files.readAllBytes(path));
    }

    private static List<Part> parts(Random random, int length) {
        List<Part> parts = new ArrayList<>();
        for (int from = 0; from < length; ) {
            int bytes = random.nextBoolean() ? 1 + random.nextInt(2 * BLOCK) : 1 + random.nextInt(1 << 20);
            int to = random.nextBoolean() ? from + bytes : (from + bytes + BLOCK - 1) / BLOCK * BLOCK;
            int phase = random.nextBoolean() ? 0 : random.nextInt(BLOCK);
            parts.add(new Part(from, Math.min(length, to), phase, random.nextInt(8) != 0));
            from = to;
        }
        return parts;
    }

    private static void write(OutputFile file, byte[] expected, List<Part> parts) throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
            List<Future<?>> done = new ArrayList<>();
            for (Part part : parts) {
                done.add(threads.submit(() -> {
                    write(file, expected, part);
                    return null;
                }));
            }
            for (Future<?> each : done) {
                each.get();
            }
        }
    }

    private static void write(OutputFile file, byte[] expected, Part part) throws Exception {
        int bytes = part.to() - part.from();
        if (!part.direct()) {
            file.write(ByteBuffer.wrap(expected, part.from(), bytes), part.from());
            return;
        }
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(BLOCK + bytes, BLOCK).asSlice(part.phase(), bytes);
            memory.copyFrom(MemorySegment.ofArray(expected).asSlice(part.from(), bytes));
            ByteBuffer buffer = memory.asByteBuffer();
            file.write(buffer, part.from());
            assertFalse(buffer.hasRemaining());
            assertEquals(bytes, buffer.limit());
        }
    }

    @Test
    void wholeBlocksGoPastThePageCache() throws Exception {
        Path path = Files.createFile(directory.resolve("file"));
        try (DirectWrites direct = DirectWrites.find(path);
                Arena arena = Arena.ofConfined()) {
            assumeTrue(direct != null, "this file system has a page cache only");
            int bytes = DirectWrites.LEAST_BYTES + BLOCK + 1;
            MemorySegment memory = arena.allocate(2L * bytes, BLOCK);
            ByteBuffer whole = memory.asSlice(0, bytes).asByteBuffer();
            assertEquals(bytes - 1, direct.write(whole, BLOCK));
            assertEquals(1, whole.remaining());
            assertEquals(BLOCK + bytes - 1, Files.size(path));
            assertEquals(0, direct.write(memory.asSlice(0, bytes).asByteBuffer(), 1));
            assertEquals(0, direct.write(memory.asSlice(64, bytes).asByteBuffer(), 0));
            assertEquals(0, direct.write(memory.asSlice(0, bytes / 2).asByteBuffer(), 0));
            assertEquals(0, direct.write(ByteBuffer.allocate(bytes), 0));
        }
    }

    @Test
    void whatTheSystemRefusesIsLeftToTheNextWriter() throws Exception {
        Path path = Files.createFile(directory.resolve("file"));
        try (DirectWrites direct = DirectWrites.find(path);
                Arena arena = Arena.ofConfined()) {
            assumeTrue(direct != null, "this file system has a page cache only");
            ByteBuffer bytes = arena.allocate(DirectWrites.LEAST_BYTES, BLOCK).asByteBuffer();
            assertEquals(0, direct.write(bytes, BEYOND_ANY_FILE));
            assertEquals(DirectWrites.LEAST_BYTES, bytes.remaining());
            assertEquals(0, direct.write(bytes, 0), "what was refused once is not tried again");
        }
    }

    @Test
    void anErrorNamesTheFile() throws Exception {
        Path path = directory.resolve("file");
        try (OutputFile file = OutputFile.create(path, FILE_BYTES);
                Arena arena = Arena.ofConfined()) {
            ByteBuffer bytes = arena.allocate(DirectWrites.LEAST_BYTES, BLOCK).asByteBuffer();
            FileSystemException seen =
                    assertThrows(FileSystemException.class, () -> file.write(bytes, BEYOND_ANY_FILE));
            assertEquals(path.toString(), seen.getFile());
        }
        assertFalse(Files.exists(path));
    }

    @Test
    void whatIsNotCommittedDoesNotStay() throws Exception {
        Path path = directory.resolve("file");
        try (OutputFile file = OutputFile.create(path, FILE_BYTES)) {
            file.write(ByteBuffer.allocate(1), 0);
        }
        assertFalse(Files.exists(path));
    }

    @Test
    void whatExistsIsLeftAlone() throws Exception {
        Path path = Files.writeString(directory.resolve("file"), "old");
        assertThrows(FileAlreadyExistsException.class, () -> OutputFile.create(path, FILE_BYTES));
        assertEquals("old", Files.readString(path));
    }

    @Test
    void aCutFileIsAsLongAsSaid() throws Exception {
        Path path = directory.resolve("file");
        try (OutputFile file = OutputFile.create(path, FILE_BYTES)) {
            file.write(ByteBuffer.allocateDirect(2 * BLOCK), 0);
            file.commit(BLOCK + 1);
        }
        assertEquals(BLOCK + 1, Files.size(path));
        assertTrue(Files.isRegularFile(path));
    }
}
