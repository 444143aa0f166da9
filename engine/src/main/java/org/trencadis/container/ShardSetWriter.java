package org.trencadis.container;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatLimits;

/**
 * Writes the runs of an import to shards in staging, or finds them in the container.
 *
 * <p>Pieces come from any thread in any order; what is written depends on runs, codec and the container's shards alone.
 */
final class ShardSetWriter implements AutoCloseable {
    private final ShardPlan plan;
    private final Codec codec;
    private final Path staging;
    private final ExistingShards existing;
    private final ContainerFiles files;
    private final HeldChunks held;
    private final Sealer sealer = new Sealer();
    private final AtomicReferenceArray<ShardDraft> drafts;
    private final Map<Integer, PartReuse> undecided = new ConcurrentHashMap<>();
    /** Parts that will be stored here; guarded by itself. */
    private final BitSet stored = new BitSet();
    /** Per part: where it was found, or null. */
    private final AtomicReferenceArray<ExistingShards.Place> reused;

    private final Deque<ChunkEncoder> idle = new ArrayDeque<>();
    private final List<ChunkEncoder> encoders = new ArrayList<>();

    /** @param staging directory for uncommitted files */
    ShardSetWriter(ShardPlan plan, Codec codec, Path staging, ExistingShards existing, ContainerFiles files) {
        this.plan = plan;
        this.codec = codec;
        this.staging = staging;
        this.existing = existing;
        this.files = files;
        this.held = new HeldChunks(staging.resolve("held"));
        this.drafts = new AtomicReferenceArray<>(plan.shardCount());
        this.reused = new AtomicReferenceArray<>(existing.isEmpty() ? 0 : plan.partCount());
    }

    /**
     * Takes a piece of a run.
     *
     * @param bytes direct; only used during the call
     * @param sha256 of {@code bytes}; kept
     */
    void accept(int run, long piece, ByteBuffer bytes, byte[] sha256) throws IOException {
        int part = plan.part(run, piece);
        int chunk = plan.chunkOfPart(piece);
        ChunkEncoder encoder = takeEncoder();
        try {
            if (existing.isEmpty()) {
                store(part, chunk, bytes, sha256, encoder);
            } else {
                storeOrReuse(part, chunk, bytes, sha256, encoder);
            }
        } finally {
            giveBack(encoder);
        }
    }

    private void storeOrReuse(int part, int chunk, ByteBuffer bytes, byte[] sha256, ChunkEncoder encoder)
            throws IOException {
        PartReuse reuse = undecided.computeIfAbsent(part, key -> new PartReuse(existing, plan, part, codec));
        if (isStored(part)) {
            // Asked again after the decision was forgotten.
            undecided.remove(part);
            store(part, chunk, bytes, sha256, encoder);
            return;
        }
        PartReuse.Answer answer = reuse.offer(chunk, bytes, sha256, encoder);
        switch (answer) {
            case MATCHED -> {}
            case REUSED -> {
                reused.set(part, reuse.place());
                undecided.remove(part);
                draft(part, encoder).skip(part, encoder);
            }
            case STORE, STORE_ALL -> {
                startStoring(part, encoder);
                undecided.remove(part);
                store(part, chunk, bytes, sha256, encoder);
                if (answer == PartReuse.Answer.STORE_ALL) {
                    storeMatched(part, reuse, encoder);
                }
            }
        }
    }

    private boolean isStored(int part) {
        synchronized (stored) {
            return stored.get(part);
        }
    }

    /** Once it is certain that a part is stored, raw chunks have known lengths. */
    private void startStoring(int part, ChunkEncoder encoder) throws IOException {
        synchronized (stored) {
            if (stored.get(part)) {
                return;
            }
            stored.set(part);
        }
        if (codec == Codec.RAW) {
            draft(part, encoder).reserve(part, encoder);
        }
    }

    private void storeMatched(int part, PartReuse reuse, ChunkEncoder encoder) throws IOException {
        ExistingShards.Place place = reuse.place();
        BitSet matched = reuse.matched();
        for (int chunk = matched.nextSetBit(0); chunk >= 0; chunk = matched.nextSetBit(chunk + 1)) {
            int bytes = plan.chunkBytes(part, chunk);
            var room = encoder.room(bytes);
            long from = (long) chunk * FormatLimits.CHUNK_BYTES;
            place.shard().read(place.firstChunk(), from, room, 0, bytes);
            byte[] sha256 = place.shard().digest(place.firstChunk() + chunk);
            store(part, chunk, room.asByteBuffer(), sha256, encoder);
        }
    }

    private void store(int part, int chunk, ByteBuffer bytes, byte[] sha256, ChunkEncoder encoder) throws IOException {
        if (bytes.remaining() != plan.chunkBytes(part, chunk)) {
            throw new IllegalArgumentException("chunk " + chunk + " of part " + part + " has " + bytes.remaining()
                    + " bytes, planned are " + plan.chunkBytes(part, chunk));
        }
        draft(part, encoder).put(plan.slot(part) + chunk, encoder.encode(bytes), sha256, encoder);
    }

    private ShardDraft draft(int part, ChunkEncoder encoder) throws IOException {
        int shard = plan.shard(part);
        ShardDraft draft = drafts.get(shard);
        return draft != null ? draft : createDraft(shard, encoder);
    }

    private synchronized ShardDraft createDraft(int shard, ChunkEncoder encoder) throws IOException {
        ShardDraft draft = drafts.get(shard);
        if (draft == null) {
            draft = new ShardDraft(plan, shard, staging.resolve("shard-" + shard), held, files, sealer);
            for (int part = plan.firstPartOfShard(shard);
                    existing.isEmpty() && codec == Codec.RAW && part < plan.endPartOfShard(shard);
                    part++) {
                draft.reserve(part, encoder);
            }
            drafts.set(shard, draft);
        }
        return draft;
    }

    private ChunkEncoder takeEncoder() {
        synchronized (encoders) {
            if (idle.isEmpty()) {
                encoders.add(new ChunkEncoder(codec));
                return encoders.getLast();
            }
            return idle.pop();
        }
    }

    private void giveBack(ChunkEncoder encoder) {
        synchronized (encoders) {
            idle.push(encoder);
        }
    }

    /** Waits until every shard is durable and was read back. */
    void checkDurable() throws IOException {
        sealer.check();
    }

    /** Where everything is, when all pieces came; on the device once {@link #checkDurable} returned. */
    StoredParts finish() {
        StoredParts.Collector collector = new StoredParts.Collector(plan);
        for (int shard = 0; shard < plan.shardCount(); shard++) {
            ShardDraft draft = drafts.get(shard);
            ShardDraft.Finished finished = draft == null ? null : draft.findFinished();
            if (finished == null) {
                throw new IllegalStateException("a piece of shard " + shard + " is missing");
            }
            int first = plan.firstPartOfShard(shard);
            for (int part = first; part < plan.endPartOfShard(shard); part++) {
                ExistingShards.Place place = existing.isEmpty() ? null : reused.get(part);
                if (place == null) {
                    collector.add(part, finished, finished.firstChunks()[part - first]);
                } else {
                    collector.add(part, place);
                }
            }
        }
        return collector.collect();
    }

    /** Deletes what is not durable. */
    @Override
    public void close() throws IOException {
        sealer.close();
        IOException failure = null;
        for (int shard = 0; shard < drafts.length(); shard++) {
            ShardDraft draft = drafts.get(shard);
            try {
                if (draft != null) {
                    draft.close();
                }
            } catch (IOException e) {
                failure = e;
            }
        }
        synchronized (encoders) {
            encoders.forEach(ChunkEncoder::close);
        }
        held.close();
        if (failure != null) {
            throw failure;
        }
    }
}
