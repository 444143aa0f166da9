package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatException;
import org.trencadis.gather.ShardFile;
import org.trencadis.gather.ShardFile.Chunk;
import org.trencadis.index.Finding;

/** The shards that are in a container when a writer's lease begins: what it may reuse. */
final class ExistingShards implements AutoCloseable {
    private final List<ShardFile> shards = new ArrayList<>();
    private final List<Finding> findings;

    private ExistingShards(List<Finding> findings) {
        this.findings = findings;
    }

    /** Judges a place by more than one chunk. */
    @FunctionalInterface
    interface Judge {
        boolean fits(Place place) throws IOException;
    }

    /** A run of chunks in one shard. */
    record Place(ShardFile shard, int firstChunk) {}

    /** Opens every shard. One that contradicts the specification is left out and put among {@code findings}. */
    static ExistingShards open(ContainerFiles files, List<Finding> findings) throws IOException {
        ExistingShards existing = new ExistingShards(findings);
        try {
            for (Path file : files.shardFiles()) {
                existing.add(file, files);
            }
            return existing;
        } catch (IOException | RuntimeException e) {
            existing.close();
            throw e;
        }
    }

    private void add(Path file, ContainerFiles files) throws IOException {
        try {
            shards.add(ShardFile.open(file, files.cache()));
        } catch (FormatException e) {
            findings.add(new Finding("damaged-shard", "not reused: " + e.getMessage()));
        }
    }

    boolean isEmpty() {
        return shards.isEmpty();
    }

    /**
     * The first place, in the order of shard ids and chunks, that has the shape of the part, holds {@code digest} as its
     * chunk {@code index} and is judged to fit; or null.
     */
    Place find(ShardPlan plan, int part, int index, byte[] digest, Codec codec, Judge judge) throws IOException {
        for (ShardFile shard : shards) {
            for (int ordinal : shard.findChunks(digest)) {
                Place place = new Place(shard, ordinal - index);
                if (hasShape(plan, part, place, codec) && judge.fits(place)) {
                    return place;
                }
            }
        }
        return null;
    }

    /** Whether the chunks at {@code place} have the lengths of the part's and lie in one run. */
    private static boolean hasShape(ShardPlan plan, int part, Place place, Codec codec) throws IOException {
        int chunks = plan.chunks(part);
        if (place.firstChunk() < 0 || place.firstChunk() > place.shard().chunkCount() - chunks) {
            return false;
        }
        long end = -1;
        for (int i = 0; i < chunks; i++) {
            Chunk chunk = place.shard().chunk(place.firstChunk() + i);
            boolean adjacent = i == 0
                    ? chunk.offsetBytes() % ShardPlan.alignment(plan.bytes(part)) == 0
                    : chunk.offsetBytes() == end;
            boolean sameCodec = chunk.codec() == codec || chunk.codec() == Codec.RAW;
            if (!adjacent || !sameCodec || chunk.decodedBytes() != plan.chunkBytes(part, i)) {
                return false;
            }
            end = chunk.endBytes();
        }
        return true;
    }

    /** Takes note of a chunk that is not what its check says. */
    void report(FormatException damage) {
        synchronized (findings) {
            findings.add(new Finding("damaged-chunk", "written anew, not reused: " + damage.getMessage()));
        }
    }

    @Override
    public void close() {
        shards.forEach(ShardFile::close);
    }
}
