package org.trencadis.container;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.trencadis.codec.Codec;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatLimits;
import org.trencadis.gather.ShardFile;
import org.trencadis.index.Finding;
import org.trencadis.storage.FileCache;

/** Runs with known bytes, handed to a {@link ShardSetWriter} in any order. */
final class Pieces {
    /** Payload of a shard: two chunks. */
    static final long SHARD_BYTES = 2L * FormatLimits.CHUNK_BYTES;

    final List<byte[]> runs;
    final List<Finding> findings = new ArrayList<>();

    Pieces(List<byte[]> runs) {
        this.runs = runs;
    }

    record Piece(int run, int number) {}

    ShardPlan plan() {
        return ShardPlan.of(runs.size(), run -> runs.get(run).length, SHARD_BYTES);
    }

    List<Piece> inOrder() {
        List<Piece> pieces = new ArrayList<>();
        for (int run = 0; run < runs.size(); run++) {
            for (int number = 0; (long) number * FormatLimits.CHUNK_BYTES < runs.get(run).length; number++) {
                pieces.add(new Piece(run, number));
            }
        }
        return pieces;
    }

    List<Piece> shuffled(long seed) {
        List<Piece> pieces = inOrder();
        Collections.shuffle(pieces, new Random(seed));
        return pieces;
    }

    List<Piece> reversed() {
        return inOrder().reversed();
    }

    /** An empty container's directories. */
    static ContainerFiles container(Path root, FileCache cache) throws IOException {
        Files.createDirectories(root.resolve("shards"));
        Files.createDirectories(root.resolve("staging"));
        Files.createDirectories(root.resolve("checkpoints"));
        return new ContainerFiles(root, new byte[16], cache, Steps.NONE);
    }

    /** Writes the pieces in this order on some threads, and moves the finished shards to their names. */
    StoredParts write(ContainerFiles files, Codec codec, List<Piece> order, int threads) throws Exception {
        Path staging = Files.createTempDirectory(files.staging(), "w");
        try (ExistingShards existing = ExistingShards.open(files, findings);
                ShardSetWriter writer = new ShardSetWriter(plan(), codec, staging, existing, files);
                ExecutorService pool = Executors.newFixedThreadPool(
                        threads, Thread.ofPlatform().factory())) {
            List<Future<?>> done = new ArrayList<>();
            for (Piece piece : order) {
                done.add(pool.submit(() -> {
                    accept(writer, piece);
                    return null;
                }));
            }
            for (Future<?> one : done) {
                one.get();
            }
            StoredParts parts = writer.finish();
            writer.checkDurable();
            for (StoredParts.Shard shard : parts.used()) {
                if (shard.staged() != null) {
                    Files.move(shard.staged(), files.shard(shard.id()));
                }
            }
            return parts;
        }
    }

    private void accept(ShardSetWriter writer, Piece piece) throws IOException {
        byte[] run = runs.get(piece.run());
        int from = piece.number() * FormatLimits.CHUNK_BYTES;
        int length = Math.min(FormatLimits.CHUNK_BYTES, run.length - from);
        ByteBuffer bytes =
                ByteBuffer.allocateDirect(length).put(run, from, length).flip();
        byte[] sha256 = Digests.sha256().digest(java.util.Arrays.copyOfRange(run, from, from + length));
        writer.accept(piece.run(), piece.number(), bytes, sha256);
    }

    /** The bytes of every run as the stored parts say where they are. */
    List<byte[]> readBack(ContainerFiles files, StoredParts parts) throws IOException {
        List<byte[]> read = new ArrayList<>();
        for (int run = 0; run < runs.size(); run++) {
            byte[] bytes = new byte[runs.get(run).length];
            int at = 0;
            for (int part = parts.plan().firstPart(run); part < parts.plan().endPart(run); part++) {
                byte[] id = parts.used().get(parts.shard(part)).id();
                int length = (int) parts.plan().bytes(part);
                try (ShardFile shard = ShardFile.open(files.shard(id), files.cache())) {
                    shard.read(parts.firstChunk(part), 0, java.lang.foreign.MemorySegment.ofArray(bytes), at, length);
                }
                at += length;
            }
            read.add(bytes);
        }
        return read;
    }
}
