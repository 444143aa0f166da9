package org.trencadis.container;

import java.util.BitSet;
import org.trencadis.format.ShardHeader;

/**
 * Where the chunks of one shard stand: a slot's place follows from the stored lengths of the slots before it, so it is
 * known once those are. Not safe for several threads.
 */
final class SlotPlaces {
    private static final int SKIPPED = -1;

    private final ShardPlan plan;
    private final int shard;
    private final int slots;
    /** Per slot: 0 while it is not known. */
    private int[] storedBytes;
    /** Per slot: 0 until it is placed. */
    private long[] offsets;
    /** Per slot: the number of its chunk in the shard. */
    private int[] ordinals;

    private BitSet waiting = new BitSet();
    /** The first slot that has no place. */
    private int next;

    private int chunkCount;
    private long endBytes = ShardHeader.LAYOUT.sizeBytes();

    SlotPlaces(ShardPlan plan, int shard) {
        this.plan = plan;
        this.shard = shard;
        this.slots = plan.slots(shard);
        this.storedBytes = new int[slots];
        this.offsets = new long[slots];
        this.ordinals = new int[slots];
    }

    /** Says how many bytes a slot's chunk takes; its place may follow from {@link #advance}. */
    void setStored(int slot, int bytes) {
        storedBytes[slot] = bytes;
    }

    /** Says that a slot becomes no chunk. */
    void skip(int slot) {
        storedBytes[slot] = SKIPPED;
    }

    /** Places every slot up to the first of unknown length; returns those whose chunks are held. */
    BitSet advance() {
        int from = next;
        for (; next < slots && storedBytes[next] != 0; next++) {
            if (storedBytes[next] != SKIPPED) {
                ordinals[next] = chunkCount;
                offsets[next] = append(alignment(next), storedBytes[next]);
            }
        }
        BitSet ready = new BitSet();
        for (int slot = waiting.nextSetBit(from); slot >= 0 && slot < next; slot = waiting.nextSetBit(slot + 1)) {
            ready.set(slot);
        }
        waiting.andNot(ready);
        return ready;
    }

    /** Where a slot's chunk may start: anywhere behind another one of its part. */
    private int alignment(int slot) {
        int low = plan.firstPartOfShard(shard);
        int high = plan.endPartOfShard(shard) - 1;
        while (low < high) {
            int middle = (low + high + 1) >>> 1;
            if (plan.slot(middle) <= slot) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return plan.slot(low) == slot ? ShardPlan.alignment(plan.bytes(low)) : 1;
    }

    /** Takes room for one more chunk behind all others; returns its offset. */
    long append(int alignment, int bytes) {
        long offset = ShardPlan.align(endBytes, alignment);
        endBytes = offset + bytes;
        chunkCount++;
        return offset;
    }

    boolean isPlaced(int slot) {
        return offsets[slot] != 0;
    }

    /** Whether a slot is placed; where it is not, {@link #advance} will return it, as its chunk is held. */
    boolean holdUnlessPlaced(int slot) {
        boolean isPlaced = isPlaced(slot);
        waiting.set(slot, !isPlaced);
        return isPlaced;
    }

    long offset(int slot) {
        return offsets[slot];
    }

    /** The number of the slot's chunk in the shard. */
    int ordinal(int slot) {
        return ordinals[slot];
    }

    int chunkCount() {
        return chunkCount;
    }

    /** Where the last chunk ends. */
    long endBytes() {
        return endBytes;
    }

    /** Per part of the shard, the number of its first chunk. */
    int[] firstChunks() {
        int first = plan.firstPartOfShard(shard);
        int[] firstChunks = new int[plan.endPartOfShard(shard) - first];
        for (int i = 0; i < firstChunks.length; i++) {
            firstChunks[i] = ordinals[plan.slot(first + i)];
        }
        return firstChunks;
    }

    /** Lets go of what is kept for each slot; all are written. */
    void release() {
        storedBytes = null;
        offsets = null;
        ordinals = null;
        waiting = null;
    }
}
