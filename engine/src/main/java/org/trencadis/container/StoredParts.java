package org.trencadis.container;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Where each part of an import is: a shard, and its first chunk there. */
final class StoredParts {
    private final ShardPlan plan;
    private final int[] shards;
    private final int[] firstChunks;
    private final List<Shard> used;
    private final long reusedBytes;

    private StoredParts(ShardPlan plan, int[] shards, int[] firstChunks, List<Shard> used, long reusedBytes) {
        this.plan = plan;
        this.shards = shards;
        this.firstChunks = firstChunks;
        this.used = used;
        this.reusedBytes = reusedBytes;
    }

    /**
     * A shard that the import refers to.
     *
     * @param staged where it waits to be published, or null where the container has it
     */
    record Shard(byte[] id, long sizeBytes, Path staged) {}

    ShardPlan plan() {
        return plan;
    }

    /** The shards in the order in which parts refer to them first. */
    List<Shard> used() {
        return used;
    }

    /** Position in {@link #used} of the shard of {@code part}. */
    int shard(int part) {
        return shards[part];
    }

    int firstChunk(int part) {
        return firstChunks[part];
    }

    /** Decoded bytes of the parts that were in the container before. */
    long reusedBytes() {
        return reusedBytes;
    }

    /** Bytes of the shards that have to be published. */
    long writtenBytes() {
        long bytes = 0;
        for (Shard shard : used) {
            bytes += shard.staged() == null ? 0 : shard.sizeBytes();
        }
        return bytes;
    }

    /** Takes parts in order. */
    static final class Collector {
        private final ShardPlan plan;
        private final int[] shards;
        private final int[] firstChunks;
        private final List<Shard> used = new ArrayList<>();
        private final Map<String, Integer> positions = new HashMap<>();
        private long reusedBytes;

        Collector(ShardPlan plan) {
            this.plan = plan;
            this.shards = new int[plan.partCount()];
            this.firstChunks = new int[plan.partCount()];
        }

        /** A part that was written. */
        void add(int part, ShardDraft.Finished shard, int firstChunk) {
            set(part, new Shard(shard.id(), shard.sizeBytes(), shard.staged()), firstChunk);
        }

        /** A part that was found. */
        void add(int part, ExistingShards.Place place) {
            set(part, new Shard(place.shard().id(), place.shard().sizeBytes(), null), place.firstChunk());
            reusedBytes += plan.bytes(part);
        }

        private void set(int part, Shard shard, int firstChunk) {
            shards[part] = positions.computeIfAbsent(HexFormat.of().formatHex(shard.id()), key -> {
                used.add(shard);
                return used.size() - 1;
            });
            firstChunks[part] = firstChunk;
        }

        StoredParts collect() {
            return new StoredParts(plan, shards, firstChunks, List.copyOf(used), reusedBytes);
        }
    }
}
