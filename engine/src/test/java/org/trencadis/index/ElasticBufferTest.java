package org.trencadis.index;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ElasticBufferTest {
    private static final int COUNT = 20_000;

    @ParameterizedTest(name = "blocks of {0}, at most {1} in memory: {2}")
    @CsvSource({
        "1048576, 33554432, one block",
        "4096, 33554432, all in elastic bytes",
        "4100, 8192, spilled in many steps",
        "12, 48, spilled number by number"
    })
    void numbersComeBackFromWhereverTheyLie(int blockBytes, long memoryBytes, String where) throws IOException {
        try (ElasticBuffer buffer = new ElasticBuffer(blockBytes, memoryBytes)) {
            SplittableRandom written = new SplittableRandom(7);
            for (int i = 0; i < COUNT; i++) {
                buffer.putInt(i);
                buffer.putLong(written.nextLong());
            }
            assertEquals(12L * COUNT, buffer.size());
            buffer.freeze();
            assertEquals(12L * COUNT, buffer.size());
            SplittableRandom read = new SplittableRandom(7);
            for (int i = 0; i < COUNT; i++) {
                assertEquals(i, buffer.getInt(12L * i));
                assertEquals(read.nextLong(), buffer.getLong(12L * i + 4));
            }
            assertThrows(IllegalStateException.class, () -> buffer.putInt(3));
        }
    }
}
