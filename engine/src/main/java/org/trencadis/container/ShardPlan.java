package org.trencadis.container;

import java.util.Arrays;
import java.util.function.IntToLongFunction;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardHeader;

/**
 * Which shard each run goes to: a function of the runs' decoded lengths only.
 *
 * <p>Shards are filled in order. A run that does not fit goes to the next shard whole; one that is larger than a shard is
 * cut into parts, each but the last a shard of its own. A part is the unit that is stored or reused. Its chunks take
 * consecutive slots of its shard.
 */
final class ShardPlan {
    /** A shard's table stays small even where tensors are tiny. */
    private static final int MAX_CHUNKS = 65_536;

    private static final int CHUNK_BYTES = FormatLimits.CHUNK_BYTES;

    /** Payload that a shard aims at, whole chunks. */
    private final long shardBytes;

    /** First part of each run, and the number of parts after the last one. */
    private final int[] firstParts;

    private int[] shards;
    private int[] slots;
    private long[] bytes;
    /** First part of each shard, and the number of parts after the last one. */
    private int[] shardParts = new int[16];

    private int shardCount;
    private int partCount;
    private long endBytes;
    private int endSlot;

    private ShardPlan(int runs, long shardBytes) {
        this.shardBytes = shardBytes;
        firstParts = new int[runs + 1];
        shards = new int[runs];
        slots = new int[runs];
        bytes = new long[runs];
    }

    /**
     * Plans {@code runs} runs.
     *
     * @param runBytes decoded length of each
     * @param shardBytes payload that a shard aims at, a multiple of the chunk length
     */
    static ShardPlan of(int runs, IntToLongFunction runBytes, long shardBytes) {
        ShardPlan plan = new ShardPlan(runs, shardBytes);
        for (int run = 0; run < runs; run++) {
            plan.firstParts[run] = plan.partCount;
            plan.add(runBytes.applyAsLong(run));
        }
        plan.firstParts[runs] = plan.partCount;
        plan.endShards();
        return plan;
    }

    private void add(long runBytes) {
        for (long left = runBytes; left > 0; left -= shardBytes) {
            long partBytes = Math.min(left, shardBytes);
            int chunks = chunks(partBytes);
            long end = align(endBytes, alignment(partBytes)) + partBytes;
            if (shardCount == 0 || end > shardBytes || endSlot + chunks > MAX_CHUNKS) {
                startShard();
                end = align(endBytes, alignment(partBytes)) + partBytes;
            }
            grow();
            shards[partCount] = shardCount - 1;
            slots[partCount] = endSlot;
            bytes[partCount] = partBytes;
            partCount++;
            endBytes = end;
            endSlot += chunks;
        }
    }

    private void startShard() {
        if (shardCount + 1 >= shardParts.length) {
            shardParts = Arrays.copyOf(shardParts, 2 * shardParts.length);
        }
        shardParts[shardCount++] = partCount;
        endBytes = ShardHeader.LAYOUT.sizeBytes();
        endSlot = 0;
    }

    private void endShards() {
        shardParts[shardCount] = partCount;
    }

    private void grow() {
        if (partCount == shards.length) {
            int length = partCount + partCount / 2 + 16;
            shards = Arrays.copyOf(shards, length);
            slots = Arrays.copyOf(slots, length);
            bytes = Arrays.copyOf(bytes, length);
        }
    }

    private static int chunks(long partBytes) {
        return (int) ((partBytes + CHUNK_BYTES - 1) / CHUNK_BYTES);
    }

    /** Where a part of this length may start. */
    static int alignment(long partBytes) {
        return partBytes < FormatLimits.PACKED_BELOW_BYTES ? FormatLimits.PACK_ALIGNMENT : FormatLimits.RUN_ALIGNMENT;
    }

    static long align(long offset, int alignment) {
        return (offset + alignment - 1) / alignment * alignment;
    }

    int shardCount() {
        return shardCount;
    }

    int partCount() {
        return partCount;
    }

    int firstPart(int run) {
        return firstParts[run];
    }

    /** The part after the last one of {@code run}. */
    int endPart(int run) {
        return firstParts[run + 1];
    }

    /** The part that holds piece {@code piece} of {@code run}. */
    int part(int run, long piece) {
        return firstParts[run] + (int) (piece / partChunks());
    }

    /** The number in its part of piece {@code piece} of a run. */
    int chunkOfPart(long piece) {
        return (int) (piece % partChunks());
    }

    private long partChunks() {
        return shardBytes / CHUNK_BYTES;
    }

    int shard(int part) {
        return shards[part];
    }

    /** The slot of the part's first chunk in its shard. */
    int slot(int part) {
        return slots[part];
    }

    /** Decoded bytes of a part. */
    long bytes(int part) {
        return bytes[part];
    }

    int chunks(int part) {
        return chunks(bytes[part]);
    }

    /** Decoded bytes of chunk {@code chunk} of a part. */
    int chunkBytes(int part, int chunk) {
        return (int) Math.min(CHUNK_BYTES, bytes[part] - (long) chunk * CHUNK_BYTES);
    }

    int firstPartOfShard(int shard) {
        return shardParts[shard];
    }

    int endPartOfShard(int shard) {
        return shardParts[shard + 1];
    }

    /** Slots of a shard: the chunks it has if nothing is reused. */
    int slots(int shard) {
        int last = endPartOfShard(shard) - 1;
        return slots[last] + chunks(last);
    }

    /** Decoded bytes of a shard. */
    long payloadBytes(int shard) {
        long total = 0;
        for (int part = firstPartOfShard(shard); part < endPartOfShard(shard); part++) {
            total += bytes[part];
        }
        return total;
    }

    /** The bytes that all shards take where everything is stored raw, but for their tables. */
    long totalBytes() {
        long total = 0;
        for (int part = 0; part < partCount; part++) {
            total += align(bytes[part], alignment(bytes[part]));
        }
        return total;
    }
}
