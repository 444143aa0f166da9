package org.trencadis.container;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.BitSet;
import org.trencadis.codec.Codec;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardHeader;
import org.trencadis.format.ShardTrailer;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.OutputFile;

/**
 * One shard while it is written. Its slots stand in the order of the plan; each becomes a chunk or is skipped.
 *
 * <p>A chunk's place follows from the stored lengths of the slots before it. Where those are known, the chunk is written
 * at once, by the thread that brings it; else it is held until they are. The thread that brings the last chunk finishes
 * the shard. Safe for several threads.
 */
final class ShardDraft implements AutoCloseable {
    private static final int SKIPPED = -1;
    private static final int TABLE_ALIGNMENT = 64;

    private final ShardPlan plan;
    private final int shard;
    private final Path path;
    private final HeldChunks held;
    private final ContainerFiles files;
    private final Sealer sealer;
    private final int slots;
    /** Per slot: 0 while it is not known. */
    private int[] storedBytes;
    /** Per slot: 0 until it is placed. */
    private long[] offsets;

    private int[] chunks;
    private BitSet waiting = new BitSet();
    private ShardTail tail;
    private OutputFile file;
    /** The first slot that has no place. */
    private int next;

    private int openSlots;
    private int chunkCount;
    private long endBytes = ShardHeader.LAYOUT.sizeBytes();
    private Finished finished;

    /**
     * A shard that is complete, and durable once the sealer is done with it.
     *
     * @param staged where it stands until it is published; null where the container has an equal one, or nothing is in it
     * @param firstChunks per part of the shard, as far as it was not skipped
     */
    record Finished(Path staged, byte[] id, long sizeBytes, int[] firstChunks) {}

    /** @param sealer forces finished shards, so that who brings chunks need not wait for the device */
    ShardDraft(ShardPlan plan, int shard, Path path, HeldChunks held, ContainerFiles files, Sealer sealer) {
        this.plan = plan;
        this.shard = shard;
        this.path = path;
        this.held = held;
        this.files = files;
        this.sealer = sealer;
        this.slots = plan.slots(shard);
        this.openSlots = slots;
        this.storedBytes = new int[slots];
        this.offsets = new long[slots];
        this.chunks = new int[slots];
        this.tail = new ShardTail(slots);
    }

    /** Says that all chunks of a part will be stored raw, so that what follows need not wait for them. */
    void reserve(int part, ChunkEncoder encoder) throws IOException {
        BitSet ready;
        synchronized (this) {
            for (int chunk = 0; chunk < plan.chunks(part); chunk++) {
                storedBytes[plan.slot(part) + chunk] = plan.chunkBytes(part, chunk);
            }
            ready = advance();
        }
        writeHeld(ready, encoder);
    }

    /** Says that a part will not be stored here. */
    void skip(int part, ChunkEncoder encoder) throws IOException {
        BitSet ready;
        int count = plan.chunks(part);
        synchronized (this) {
            for (int chunk = 0; chunk < count; chunk++) {
                storedBytes[plan.slot(part) + chunk] = SKIPPED;
            }
            ready = advance();
        }
        writeHeld(ready, encoder);
        close(count);
    }

    /** Stores the chunk of one slot, and those that waited for its length. */
    void put(int slot, ChunkEncoder.Encoded chunk, byte[] sha256, ChunkEncoder encoder) throws IOException {
        BitSet ready;
        boolean isPlaced;
        synchronized (this) {
            storedBytes[slot] = chunk.bytes().remaining();
            ready = advance();
            isPlaced = offsets[slot] != 0;
        }
        if (isPlaced) {
            write(slot, chunk, sha256);
        } else {
            held.put(shard, slot, chunk, sha256);
            synchronized (this) {
                isPlaced = offsets[slot] != 0;
                waiting.set(slot, !isPlaced);
            }
            if (isPlaced) {
                ready.set(slot);
            }
        }
        writeHeld(ready, encoder);
    }

    /** Places every slot up to the first of unknown length; returns those whose chunks are held. */
    private BitSet advance() {
        int from = next;
        for (; next < slots && storedBytes[next] != 0; next++) {
            if (storedBytes[next] != SKIPPED) {
                endBytes = ShardPlan.align(endBytes, alignment(next));
                offsets[next] = endBytes;
                chunks[next] = chunkCount++;
                endBytes += storedBytes[next];
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

    private void writeHeld(BitSet ready, ChunkEncoder encoder) throws IOException {
        for (int slot = ready.nextSetBit(0); slot >= 0; slot = ready.nextSetBit(slot + 1)) {
            HeldChunks.Chunk chunk = held.take(shard, slot, encoder);
            write(slot, chunk.encoded(), chunk.sha256());
        }
    }

    private void write(int slot, ChunkEncoder.Encoded chunk, byte[] sha256) throws IOException {
        long offset;
        int ordinal;
        synchronized (this) {
            offset = offsets[slot];
            ordinal = chunks[slot];
        }
        int bytes = chunk.bytes().remaining();
        file().write(chunk.bytes().duplicate(), offset);
        tail.set(ordinal, offset, bytes, chunk.decodedBytes(), chunk.codec(), chunk.crc(), sha256);
        close(1);
    }

    private synchronized OutputFile file() throws IOException {
        if (file == null) {
            files.steps().reach("create shard");
            file = OutputFile.create(path, plan.payloadBytes(shard));
        }
        return file;
    }

    private void close(int count) throws IOException {
        boolean isLast;
        synchronized (this) {
            openSlots -= count;
            isLast = openSlots == 0;
        }
        if (isLast) {
            Finished result = finish();
            synchronized (this) {
                finished = result;
            }
        }
    }

    private Finished finish() throws IOException {
        int first = plan.firstPartOfShard(shard);
        int[] firstChunks = new int[plan.endPartOfShard(shard) - first];
        for (int i = 0; i < firstChunks.length; i++) {
            firstChunks[i] = chunks[plan.slot(first + i)];
        }
        storedBytes = null;
        offsets = null;
        chunks = null;
        waiting = null;
        if (chunkCount == 0) {
            return new Finished(null, null, 0, firstChunks);
        }
        boolean isThere = findFreeId();
        byte[] id = tail.id(chunkCount);
        long tableOffset = ShardPlan.align(endBytes, TABLE_ALIGNMENT);
        long sizeBytes = ShardTrailer.fileBytes(tableOffset, chunkCount);
        if (isThere) {
            file.close();
        } else {
            files.steps().reach("finish shard");
            file.write(ShardTail.header(), 0);
            file.write(tail.encode(chunkCount, tableOffset), tableOffset);
            sealer.seal(() -> {
                file.commit(sizeBytes);
                checkReadable(id);
            });
        }
        tail = null;
        return new Finished(isThere ? null : path, id, sizeBytes, firstChunks);
    }

    /** Reads the records back as any reader will. */
    private void checkReadable(byte[] id) throws IOException {
        try (FileCache own = new FileCache();
                ShardFile written = ShardFile.openStaged(path, id, own)) {
            if (written.chunkCount() != chunkCount) {
                throw new IOException(
                        path + ": " + chunkCount + " chunks were written, " + written.chunkCount() + " are read back");
            }
        }
    }

    /**
     * Whether the container has an equal shard that is sound. While it has one of the same id that is damaged, a spare
     * chunk of one zero byte, which no index refers to, gives this shard another id: nothing is ever overwritten.
     */
    private boolean findFreeId() throws IOException {
        Path target = files.shard(tail.id(chunkCount));
        while (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            if (isSound(target)) {
                return true;
            }
            addSpareChunk();
            target = files.shard(tail.id(chunkCount));
        }
        return false;
    }

    private void addSpareChunk() throws IOException {
        ByteBuffer zero = ByteBuffer.allocate(1);
        java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
        crc.update(zero.array());
        long offset = ShardPlan.align(endBytes, FormatLimits.PACK_ALIGNMENT);
        byte[] sha256 = Digests.sha256().digest(zero.array());
        tail.grow();
        tail.set(chunkCount++, offset, 1, 1, Codec.RAW, (int) crc.getValue(), sha256);
        file.write(zero, offset);
        endBytes = offset + 1;
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

    /** The shard as it was finished, or null where a chunk is missing. */
    synchronized Finished findFinished() {
        return finished;
    }

    /** Deletes the shard unless it is durable. The sealer must be at rest. */
    @Override
    public synchronized void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
