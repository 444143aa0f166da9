package org.trencadis.container;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatLimits;
import org.trencadis.storage.OutputFile;

/**
 * Chunks whose place in their shard is not known yet, since something before them is not: kept in a file, so that no
 * thread ever waits for another and memory does not grow.
 *
 * <p>The file is a row of cells of one chunk each, which are used again. Safe for several threads.
 */
final class HeldChunks implements AutoCloseable {
    private final Path path;
    private final Map<Long, Held> held = new HashMap<>();
    private final BitSet cells = new BitSet();
    private OutputFile file;

    HeldChunks(Path path) {
        this.path = path;
    }

    private record Held(int cell, int storedBytes, int decodedBytes, Codec codec, int crc, byte[] sha256) {}

    /** A chunk that was kept. */
    record Chunk(ChunkEncoder.Encoded encoded, byte[] sha256) {}

    /** Keeps the chunk of one slot of a shard. */
    void put(int shard, int slot, ChunkEncoder.Encoded chunk, byte[] sha256) throws IOException {
        int cell = takeCell();
        ByteBuffer bytes = chunk.bytes();
        Held entry = new Held(cell, bytes.remaining(), chunk.decodedBytes(), chunk.codec(), chunk.crc(), sha256);
        file().write(bytes.duplicate(), offset(cell));
        synchronized (this) {
            held.put(key(shard, slot), entry);
        }
    }

    /** Brings back the chunk of a slot, which is then no longer kept. */
    Chunk take(int shard, int slot, ChunkEncoder room) throws IOException {
        Held entry;
        synchronized (this) {
            entry = held.remove(key(shard, slot));
        }
        ByteBuffer bytes = room.room(entry.storedBytes()).asByteBuffer();
        file().read(bytes, offset(entry.cell()));
        synchronized (this) {
            cells.clear(entry.cell());
        }
        return new Chunk(
                new ChunkEncoder.Encoded(bytes.flip(), entry.decodedBytes(), entry.codec(), entry.crc()),
                entry.sha256());
    }

    private synchronized int takeCell() {
        int cell = cells.nextClearBit(0);
        cells.set(cell);
        return cell;
    }

    private synchronized OutputFile file() throws IOException {
        if (file == null) {
            file = OutputFile.create(path, 0);
        }
        return file;
    }

    private static long offset(int cell) {
        return (long) cell * FormatLimits.CHUNK_BYTES;
    }

    private static long key(int shard, int slot) {
        return ((long) shard << 32) | slot;
    }

    @Override
    public synchronized void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
