package org.trencadis.storage;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WritebackTest {
    private static final long OVER_ONE_STEP_BYTES = 65L << 20;

    @TempDir
    Path directory;

    @Test
    void aFailureOfAnEarlyForceIsSeenByTheOneWhoForcesTheTree() throws Exception {
        Path file = Files.createFile(directory.resolve("data"));
        FileChannel closed = FileChannel.open(file, StandardOpenOption.WRITE);
        closed.close();
        new Writeback(file, closed).wrote(OVER_ONE_STEP_BYTES);
        assertDoesNotThrow(() -> Writeback.checkBelow(directory.resolve("other")));
        StorageException seen = assertThrows(StorageException.class, () -> Writeback.checkBelow(directory));
        assertTrue(seen.getMessage().contains(file.toString()), seen.getMessage());
        assertDoesNotThrow(() -> Writeback.checkBelow(directory));
    }

    @Test
    void whatWasClosedMeanwhileIsForcedBefore() throws Exception {
        Path file = Files.createFile(directory.resolve("data"));
        try (Writeback writeback = Writeback.find(file)) {
            writeback.wrote(OVER_ONE_STEP_BYTES);
            writeback.wrote(OVER_ONE_STEP_BYTES);
        }
        assertDoesNotThrow(() -> Writeback.checkBelow(directory));
    }
}
