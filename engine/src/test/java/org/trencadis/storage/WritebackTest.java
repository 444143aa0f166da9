package org.trencadis.storage;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class WritebackTest {
    private static final int NO_DESCRIPTOR = -1;
    private static final long OVER_ONE_FLUSH_BYTES = 65L << 20;

    @TempDir
    Path directory;

    @Test
    void aFailureOfAnEarlyForceIsSeenByTheOneWhoForcesTheTree() throws Exception {
        Path file = Files.createFile(directory.resolve("data"));
        assumeTrue(Writeback.find(file) != null, "only Linux is asked to write early");
        new Writeback(file, NO_DESCRIPTOR).wrote(0, OVER_ONE_FLUSH_BYTES);
        assertDoesNotThrow(() -> Writeback.checkBelow(directory.resolve("other")));
        StorageException seen = assertThrows(StorageException.class, () -> Writeback.checkBelow(directory));
        assertTrue(seen.getMessage().contains(file.toString()), seen.getMessage());
        assertDoesNotThrow(() -> Writeback.checkBelow(directory));
    }

    @Test
    void whatIsWrittenEarlyIsWhatIsForced() throws Exception {
        Path file = Files.createFile(directory.resolve("data"));
        Writeback writeback = Writeback.find(file);
        assumeTrue(writeback != null, "only Linux is asked to write early");
        writeback.wrote(0, OVER_ONE_FLUSH_BYTES);
        writeback.wroteAll(OVER_ONE_FLUSH_BYTES);
        writeback.close();
        assertDoesNotThrow(() -> Writeback.checkBelow(directory));
    }
}
