package org.trencadis.container;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.BitSet;
import org.trencadis.codec.Codec;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatLimits;
import org.trencadis.format.ShardTrailer;
import org.trencadis.storage.OutputFile;

/**
 * One shard while it is written. Its slots stand in the order of the plan; each becomes a chunk or is skipped.
 *
 * <p>Where the {@link SlotPlaces place} of a chunk is known, it is written at once, by the thread that brings it; else it is
 * held until then. The thread that brings the last chunk finishes the shard. Safe for several threads.
 */
final class ShardDraft implements AutoCloseable {
    private static final int TABLE_ALIGNMENT = 64;

    private final ShardPlan plan;
    private final int shard;
    private final Path path;
    private final HeldChunks held;
    private final ContainerFiles files;
    private final Sealer sealer;
    /** Guarded by this. */
    private final SlotPlaces places;

    private ShardTail tail;
    private OutputFile file;
    private int openSlots;
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
        this.places = new SlotPlaces(plan, shard);
        this.openSlots = plan.slots(shard);
        this.tail = new ShardTail(openSlots);
    }

    /** Says that all chunks of a part will be stored raw, so that what follows need not wait for them. */
    void reserve(int part, ChunkEncoder encoder) throws IOException {
        BitSet ready;
        synchronized (this) {
            for (int chunk = 0; chunk < plan.chunks(part); chunk++) {
                places.setStored(plan.slot(part) + chunk, plan.chunkBytes(part, chunk));
            }
            ready = places.advance();
        }
        writeHeld(ready, encoder);
    }

    /** Says that a part will not be stored here. */
    void skip(int part, ChunkEncoder encoder) throws IOException {
        BitSet ready;
        int count = plan.chunks(part);
        synchronized (this) {
            for (int chunk = 0; chunk < count; chunk++) {
                places.skip(plan.slot(part) + chunk);
            }
            ready = places.advance();
        }
        writeHeld(ready, encoder);
        close(count);
    }

    /** Stores the chunk of one slot, and those that waited for its length. */
    void put(int slot, ChunkEncoder.Encoded chunk, byte[] sha256, ChunkEncoder encoder) throws IOException {
        BitSet ready;
        boolean isPlaced;
        synchronized (this) {
            places.setStored(slot, chunk.bytes().remaining());
            ready = places.advance();
            isPlaced = places.isPlaced(slot);
        }
        if (isPlaced) {
            write(slot, chunk, sha256);
        } else {
            held.put(shard, slot, chunk, sha256);
            synchronized (this) {
                isPlaced = places.holdUnlessPlaced(slot);
            }
            if (isPlaced) {
                ready.set(slot);
            }
        }
        writeHeld(ready, encoder);
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
            offset = places.offset(slot);
            ordinal = places.ordinal(slot);
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
        int[] firstChunks = places.firstChunks();
        places.release();
        if (places.chunkCount() == 0) {
            return new Finished(null, null, 0, firstChunks);
        }
        boolean isThere = findFreeId();
        int chunkCount = places.chunkCount();
        byte[] id = tail.id(chunkCount);
        long tableOffset = ShardPlan.align(places.endBytes(), TABLE_ALIGNMENT);
        long sizeBytes = ShardTrailer.fileBytes(tableOffset, chunkCount);
        if (isThere) {
            file.close();
        } else {
            files.steps().reach("finish shard");
            file.write(ShardTail.header(), 0);
            file.write(tail.encode(chunkCount, tableOffset), tableOffset);
            sealer.seal(() -> {
                file.commit(sizeBytes);
                ShardProof.checkReadable(path, id, chunkCount);
            });
        }
        tail = null;
        return new Finished(isThere ? null : path, id, sizeBytes, firstChunks);
    }

    /**
     * Whether the container has an equal shard that is sound. While it has one of the same id that is damaged, a spare
     * chunk of one zero byte, which no index refers to, gives this shard another id: nothing is ever overwritten.
     */
    private boolean findFreeId() throws IOException {
        Path target = files.shard(tail.id(places.chunkCount()));
        while (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            if (ShardProof.isSound(target)) {
                return true;
            }
            addSpareChunk();
            target = files.shard(tail.id(places.chunkCount()));
        }
        return false;
    }

    private void addSpareChunk() throws IOException {
        ByteBuffer zero = ByteBuffer.allocate(1);
        java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
        crc.update(zero.array());
        int ordinal = places.chunkCount();
        long offset = places.append(FormatLimits.PACK_ALIGNMENT, 1);
        byte[] sha256 = Digests.sha256().digest(zero.array());
        tail.grow();
        tail.set(ordinal, offset, 1, 1, Codec.RAW, (int) crc.getValue(), sha256);
        file.write(zero, offset);
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
