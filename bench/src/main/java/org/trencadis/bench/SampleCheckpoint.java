package org.trencadis.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * A checkpoint of 256 MiB on disk: 16 float32 matrices of 1,024 × 4,096, each cut by columns among four ranks, as
 * tensor-parallel ranks write them, one file a rank. Values look like weights: random mantissas, few exponents.
 */
final class SampleCheckpoint implements AutoCloseable {
    static final int TENSORS = 16;
    static final int RANKS = 4;
    static final int ROWS = 1024;
    static final int COLUMNS = 4096;
    static final long TENSOR_BYTES = (long) ROWS * COLUMNS * Float.BYTES;

    private static final int SHARD_COLUMNS = COLUMNS / RANKS;
    private static final int SHARD_BYTES = ROWS * SHARD_COLUMNS * Float.BYTES;

    private final Path directory;
    private final FileCache cache = new FileCache();
    private final Catalog catalog;
    private final Gatherer gatherer;

    private SampleCheckpoint(Path directory) throws IOException {
        this.directory = directory;
        writeFiles();
        this.catalog = catalog();
        this.gatherer = new Gatherer(catalog, CheckpointFiles.open(catalog, directory, null, cache));
    }

    /** Writes it to a new temporary directory. */
    static SampleCheckpoint create() throws IOException {
        return new SampleCheckpoint(Files.createTempDirectory("trencadis-bench"));
    }

    Gatherer gatherer() {
        return gatherer;
    }

    /** A place beside the files that is removed with them. */
    Path beside(String name) {
        return directory.resolve(name);
    }

    /** Fills {@code buffer} with the bytes of weights. */
    static void fill(ByteBuffer buffer, SplittableRandom random) {
        ByteBuffer floats = buffer.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        while (floats.remaining() >= Float.BYTES) {
            floats.putFloat((float) ((random.nextDouble() - 0.5) * 0.1));
        }
    }

    private static Path file(Path directory, int rank) {
        return directory.resolve("rank_" + rank + ".bin");
    }

    private void writeFiles() throws IOException {
        ByteBuffer shard = ByteBuffer.allocateDirect(SHARD_BYTES);
        for (int rank = 0; rank < RANKS; rank++) {
            try (FileChannel channel =
                    FileChannel.open(file(directory, rank), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                for (int tensor = 0; tensor < TENSORS; tensor++) {
                    fill(shard.clear(), new SplittableRandom(rank * 100L + tensor));
                    while (shard.hasRemaining()) {
                        channel.write(shard);
                    }
                }
                channel.force(true);
            }
        }
    }

    private Catalog catalog() throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            int[] copies = new int[TENSORS];
            for (int tensor = 0; tensor < TENSORS; tensor++) {
                copies[tensor] = builder.copyOf(builder.addTensor(
                        "layers." + tensor + ".weight", "fp32", Dtype.FLOAT32, new long[] {ROWS, COLUMNS}));
            }
            for (int rank = 0; rank < RANKS; rank++) {
                FileStamp stamp = FileStamp.of(file(directory, rank));
                int number = builder.addFile(new FileEntry(
                        false,
                        file(directory, rank).getFileName().toString(),
                        stamp.sizeBytes(),
                        stamp.device(),
                        stamp.inode(),
                        stamp.mtimeNs(),
                        stamp.ctimeNs(),
                        null));
                Box box = new Box(new long[] {0, (long) rank * SHARD_COLUMNS}, new long[] {ROWS, SHARD_COLUMNS});
                for (int tensor = 0; tensor < TENSORS; tensor++) {
                    builder.addFragment(
                            copies[tensor], Region.of(box), -1, -1, number, (long) tensor * SHARD_BYTES, SHARD_BYTES);
                }
            }
            return builder.build("benchmark");
        }
    }

    /** Deletes a directory with all that is in it. */
    static void delete(Path directory) throws IOException {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> all = Files.walk(directory)) {
            for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }

    @Override
    public void close() throws IOException {
        gatherer.files().close();
        catalog.close();
        cache.close();
        delete(directory);
    }
}
