package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.format.FormatException;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;

/** Reads shards as any reader will, to know that they are what they should be. */
final class ShardProof {
    private ShardProof() {}

    /** Reads back the records of a shard that was written, as any reader will. */
    static void checkReadable(Path path, byte[] id, int chunkCount) throws IOException {
        try (FileCache own = new FileCache();
                ShardFile written = ShardFile.openStaged(path, id, own)) {
            if (written.chunkCount() != chunkCount) {
                throw new IOException(
                        path + ": " + chunkCount + " chunks were written, " + written.chunkCount() + " are read back");
            }
        }
    }

    /** Whether every record and every chunk of a shard is what its check says. */
    static boolean isSound(Path shard) throws IOException {
        try (FileCache own = new FileCache();
                ShardFile existing = ShardFile.open(shard, own)) {
            for (int chunk = 0; chunk < existing.chunkCount(); chunk++) {
                existing.checkChunk(chunk);
            }
            return true;
        } catch (FormatException e) {
            return false;
        }
    }
}
