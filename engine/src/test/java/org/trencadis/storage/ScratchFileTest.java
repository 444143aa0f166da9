package org.trencadis.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class ScratchFileTest {
    @Test
    void appendedBytesComeBackFromTheMapping() throws IOException {
        try (ScratchFile file = ScratchFile.create()) {
            file.append(ByteBuffer.wrap(new byte[] {1, 2, 3}));
            file.append(ByteBuffer.wrap(new byte[] {4}));
            assertEquals(4, file.sizeBytes());
            assertEquals(-1, file.map().mismatch(MemorySegment.ofArray(new byte[] {1, 2, 3, 4})));
        }
    }

    @Test
    void aSizedFileIsZeroAndWritable() throws IOException {
        long bytes = 3 << 20;
        try (ScratchFile file = ScratchFile.create(bytes)) {
            MemorySegment mapped = file.map();
            assertEquals(bytes, mapped.byteSize());
            for (long at = 0; at < bytes; at += 8) {
                assertEquals(0, mapped.get(ValueLayout.JAVA_LONG_UNALIGNED, at));
            }
            mapped.set(ValueLayout.JAVA_BYTE, bytes - 1, (byte) 7);
            assertEquals(7, file.map().get(ValueLayout.JAVA_BYTE, bytes - 1));
        }
    }

    @Test
    void theMappingEndsWithTheFile() throws IOException {
        MemorySegment mapped;
        try (ScratchFile file = ScratchFile.create(64)) {
            mapped = file.map();
        }
        assertThrows(IllegalStateException.class, () -> mapped.get(ValueLayout.JAVA_BYTE, 0));
    }
}
