package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.SpecPage;
import org.trencadis.codec.Codec;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;

/** The shard that SPEC.md shows is what the engine writes, and reads. */
class SpecShardTest {
    private static final String HEADING = "### A shard";

    @TempDir
    Path temp;

    private static byte[] elements() {
        ByteBuffer bytes = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 6; i++) {
            bytes.putFloat(i);
        }
        return bytes.array();
    }

    @Test
    void theShardOfTheExampleIsWritten() throws Exception {
        try (FileCache cache = new FileCache()) {
            ContainerFiles files = Pieces.container(temp.resolve("c"), cache);
            Pieces pieces = new Pieces(List.of(elements()));
            StoredParts parts = pieces.write(files, Codec.RAW, pieces.inOrder(), 1);
            Path file = files.shard(parts.used().getFirst().id());
            assertEquals(SpecPage.dump(HEADING), SpecPage.dumpOf(Files.readAllBytes(file)));
            assertTrue(SpecPage.chapter("12.").contains("`shards/" + file.getFileName() + "`"), file.toString());
        }
    }

    @Test
    void theShardOfTheExampleIsRead() throws Exception {
        byte[] bytes = SpecPage.parse(SpecPage.dump(HEADING));
        Path file = temp.resolve("176ddb4a768e7c980482a1b9c367d3eaa8212959e5caf4c5f54a041c7f6983b5.shard");
        Files.write(file, bytes);
        try (FileCache cache = new FileCache();
                ShardFile shard = ShardFile.open(file, cache)) {
            shard.checkGaps();
            byte[] read = new byte[24];
            shard.read(0, 0, MemorySegment.ofArray(read), 0, 24);
            assertArrayEquals(elements(), read);
        }
    }
}
