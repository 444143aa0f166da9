package org.trencadis.index;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElasticBufferTest {
    /** 1 << 30: all in memory; 4096 and 12: spilled in many steps. */
    @ParameterizedTest
    @ValueSource(longs = {1 << 30, 4096, 12})
    void numbersComeBackFromMemoryAndFromTheScratchFile(long memoryBytes) throws IOException {
        int count = 20_000;
        try (ElasticBuffer buffer = new ElasticBuffer(memoryBytes)) {
            SplittableRandom written = new SplittableRandom(7);
            for (int i = 0; i < count; i++) {
                buffer.putInt(i);
                buffer.putLong(written.nextLong());
            }
            assertEquals(12L * count, buffer.size());
            buffer.freeze();
            SplittableRandom read = new SplittableRandom(7);
            for (int i = 0; i < count; i++) {
                assertEquals(i, buffer.getInt(12L * i));
                assertEquals(read.nextLong(), buffer.getLong(12L * i + 4));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {8})
    void aSpilledBufferIsNotWrittenAfterReadingBegan(long memoryBytes) throws IOException {
        try (ElasticBuffer buffer = new ElasticBuffer(memoryBytes)) {
            buffer.putLong(1);
            buffer.putLong(2);
            buffer.freeze();
            assertThrows(IllegalStateException.class, () -> buffer.putInt(3));
        }
    }
}
