package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.storage.FileLease;

/** Reads the bytes of single chunks of one shard, decoded and checked. Safe for several threads. */
final class ChunkReader {
    private final FileLease lease;

    ChunkReader(FileLease lease) {
        this.lease = lease;
    }

    /** Copies decoded bytes of a chunk, from position {@code skipped} of it, until {@code target} is full. */
    void read(ShardFile.Chunk chunk, int skipped, MemorySegment target) throws IOException {
        if (chunk.codec() == Codec.RAW) {
            readRaw(chunk, skipped, target);
        } else {
            readEncoded(chunk, skipped, target);
        }
    }

    /** Copies units of a chunk that lie {@code stepBytes} from each other to where they lie together. */
    void readStrided(
            ShardFile.Chunk chunk,
            int skipped,
            long stepBytes,
            long units,
            int unitBytes,
            MemorySegment target,
            long targetOffset)
            throws IOException {
        try (ChunkBuffers buffers = ChunkBuffers.take(this, chunk.ordinal())) {
            OpenFile.copyStrided(decoded(chunk, buffers), skipped, stepBytes, units, unitBytes, target, targetOffset);
        }
    }

    /** Checks the stored bytes of a chunk against their CRC32C. */
    void check(ShardFile.Chunk chunk) throws IOException {
        try (ChunkBuffers buffers = ChunkBuffers.take(this, chunk.ordinal())) {
            readStored(chunk, buffers.stored());
        }
    }

    /** Checks that a chunk has {@code bytes} decoded bytes at least. */
    void checkHolds(ShardFile.Chunk chunk, int bytes) throws Corrupt {
        if (chunk.decodedBytes() < bytes) {
            throw new Corrupt(
                    "an extent's chunks hold its bytes", bytes + " bytes", chunk.decodedBytes(), place(chunk));
        }
    }

    private void readRaw(ShardFile.Chunk chunk, int skipped, MemorySegment target) throws IOException {
        lease.read(chunk.offsetBytes() + skipped, target, 0, target.byteSize());
        if (target.byteSize() == chunk.storedBytes()) {
            checkCrc(chunk, target.asByteBuffer());
        }
    }

    private void readEncoded(ShardFile.Chunk chunk, int skipped, MemorySegment target) throws IOException {
        try (ChunkBuffers buffers = ChunkBuffers.take(this, chunk.ordinal())) {
            if (target.isNative() && target.byteSize() == chunk.decodedBytes()) {
                decode(chunk, buffers, target);
                return;
            }
            MemorySegment.copy(decoded(chunk, buffers), skipped, target, 0, target.byteSize());
        }
    }

    /** The decoded bytes of a chunk, in buffers that may hold them already. */
    private MemorySegment decoded(ShardFile.Chunk chunk, ChunkBuffers buffers) throws IOException {
        if (!buffers.holds(this, chunk.ordinal())) {
            buffers.setHeld(null, -1);
            decode(chunk, buffers, buffers.decoded().asSlice(0, chunk.decodedBytes()));
            buffers.setHeld(this, chunk.ordinal());
        }
        return buffers.decoded();
    }

    private void decode(ShardFile.Chunk chunk, ChunkBuffers buffers, MemorySegment target) throws IOException {
        ByteBuffer stored = readStored(chunk, buffers.stored());
        chunk.codec().decode(stored, target.asByteBuffer(), place(chunk));
    }

    /** Copies the stored bytes of a chunk to the start of {@code target}, checks them and returns them. */
    private ByteBuffer readStored(ShardFile.Chunk chunk, MemorySegment target) throws IOException {
        lease.read(chunk.offsetBytes(), target, 0, chunk.storedBytes());
        ByteBuffer stored = target.asSlice(0, chunk.storedBytes()).asByteBuffer();
        checkCrc(chunk, stored.duplicate());
        return stored;
    }

    private void checkCrc(ShardFile.Chunk chunk, ByteBuffer stored) throws Corrupt {
        CRC32C crc = new CRC32C();
        crc.update(stored);
        if ((int) crc.getValue() != chunk.crc()) {
            throw new Corrupt(
                    "CRC32C of chunk " + chunk.ordinal(),
                    Integer.toHexString(chunk.crc()),
                    Long.toHexString(crc.getValue()),
                    place(chunk));
        }
    }

    private Place place(ShardFile.Chunk chunk) {
        return new Place(lease.file().toString(), "chunk " + chunk.ordinal(), chunk.offsetBytes());
    }
}
