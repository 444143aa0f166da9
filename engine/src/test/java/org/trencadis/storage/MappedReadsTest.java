package org.trencadis.storage;

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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A file that is cut while it is mapped is named by the read that met it, interpreted or compiled. */
class MappedReadsTest {
    private static final int FILE_BYTES = 1 << 20;
    private static final int WARM_ROUNDS = 20_000;

    @TempDir
    Path temp;

    private Path file() throws IOException {
        return Files.write(temp.resolve("data.bin"), new byte[FILE_BYTES]);
    }

    private static void cut(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(4096);
        }
    }

    private static void assertCut(Path file, StorageException e) {
        assertEquals(file, e.file());
        assertTrue(e.getMessage().endsWith("was cut while it was read"), e.getMessage());
    }

    /** The length decides how the JVM copies. */
    @ParameterizedTest
    @ValueSource(ints = {8, 63, 512, 65536})
    void aLeaseNamesTheFileThatWasCut(int bytes) throws IOException {
        Path file = file();
        try (FileCache cache = new FileCache();
                FileLease lease = cache.lease(file)) {
            MemorySegment target = MemorySegment.ofArray(new byte[bytes]);
            for (int round = 0; round < WARM_ROUNDS; round++) {
                lease.read(round, target, 0, bytes);
            }
            cut(file);
            for (int round = 0; round < 100; round++) {
                long offset = FILE_BYTES / 2L + round;
                assertCut(file, assertThrows(StorageException.class, () -> lease.read(offset, target, 0, bytes)));
            }
            lease.read(0, target, 0, Math.min(bytes, 4096));
        }
    }

    @Test
    void singleNumbersNameTheFileThatWasCut() throws IOException {
        Path file = file();
        try (FileCache cache = new FileCache();
                FileLease lease = cache.lease(file)) {
            MemorySegment segment = lease.segment();
            for (int round = 0; round < WARM_ROUNDS; round++) {
                assertEquals(0, number(file, segment, round));
            }
            cut(file);
            for (int round = 0; round < 100; round++) {
                long offset = FILE_BYTES / 2L + round;
                assertCut(file, assertThrows(StorageException.class, () -> number(file, segment, offset)));
            }
        }
    }

    private static long number(Path file, MemorySegment segment, long offset) throws IOException {
        return MappedReads.read(file, () -> segment.get(ValueLayout.JAVA_LONG_UNALIGNED, offset));
    }

    /** What a read makes of the values behind the end may be anything: the cut is what is told. */
    @Test
    void theCutIsToldInsteadOfWhatCameOfIt() throws IOException {
        Path file = file();
        try (FileCache cache = new FileCache();
                FileLease lease = cache.lease(file)) {
            cut(file);
            MappedReads.Read<Long> read = () -> {
                long ignored = lease.segment().get(ValueLayout.JAVA_LONG_UNALIGNED, FILE_BYTES - 8L);
                throw new IOException("corrupt " + ignored);
            };
            for (int round = 0; round < WARM_ROUNDS; round++) {
                assertCut(file, assertThrows(StorageException.class, () -> MappedReads.read(file, read)));
            }
        }
    }

    @Test
    void otherFailuresPass() {
        IOException other = new IOException("other");
        assertEquals(
                other,
                assertThrows(
                        IOException.class,
                        () -> MappedReads.read(temp, () -> {
                            throw other;
                        })));
    }
}
