package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.MappedReads;

/**
 * A shard of a container, opened for reading chunks. Safe for several threads.
 *
 * <p>A byte string is stored in chunks of {@link FormatLimits#CHUNK_BYTES}, the last one shorter, so a position in it
 * says which chunk holds it. Whole chunks are checked against their CRC32C as they are read; encoded ones always are.
 */
public final class ShardFile implements AutoCloseable {
    private static final String EXTENSION = ".shard";

    private final FileLease lease;
    private final ShardTable table;
    private final ChunkReader chunks;

    private ShardFile(FileLease lease, ShardTable table) {
        this.lease = lease;
        this.table = table;
        this.chunks = new ChunkReader(lease);
    }

    /**
     * One chunk as the chunk table describes it.
     *
     * @param offsetBytes of the stored bytes in the shard
     * @param crc CRC32C over the stored bytes
     */
    public record Chunk(int ordinal, long offsetBytes, int storedBytes, int decodedBytes, int crc, Codec codec) {
        /** Where the stored bytes end. */
        public long endBytes() {
            return offsetBytes + storedBytes;
        }
    }

    /** The name of the file of shard {@code id}. */
    public static String fileName(byte[] id) {
        return HexFormat.of().formatHex(id) + EXTENSION;
    }

    /** Opens the shard in {@code file}, which is named by its id, and checks all its records. */
    public static ShardFile open(Path file, FileCache cache) throws IOException {
        ShardFile shard = openUnnamed(file, cache);
        String expected = fileName(shard.id());
        if (!expected.equals(String.valueOf(file.getFileName()))) {
            shard.close();
            throw new Corrupt(
                    "a shard is named by its id",
                    expected,
                    file.getFileName(),
                    new Place(file.toString(), "trailer", shard.sizeBytes()));
        }
        return shard;
    }

    /** The same for shard {@code id} before it has its name. */
    public static ShardFile openStaged(Path file, byte[] id, FileCache cache) throws IOException {
        ShardFile shard = openUnnamed(file, cache);
        if (!Arrays.equals(id, shard.id())) {
            shard.close();
            throw new Corrupt(
                    "a shard has the id it was written with",
                    HexFormat.of().formatHex(id),
                    HexFormat.of().formatHex(shard.id()),
                    new Place(file.toString(), "trailer", shard.sizeBytes()));
        }
        return shard;
    }

    private static ShardFile openUnnamed(Path file, FileCache cache) throws IOException {
        FileLease lease = cache.lease(file);
        try {
            return new ShardFile(lease, MappedReads.read(file, () -> ShardTable.open(lease)));
        } catch (IOException | RuntimeException e) {
            lease.close();
            throw e;
        }
    }

    public Path file() {
        return lease.file();
    }

    /** The SHA-256 of the chunk table. */
    public byte[] id() {
        return table.id();
    }

    public long sizeBytes() {
        return lease.sizeBytes();
    }

    public int chunkCount() {
        return table.chunkCount();
    }

    /** The chunk at {@code ordinal}. */
    public Chunk chunk(long ordinal) throws IOException {
        return MappedReads.read(file(), () -> table.chunk(ordinal));
    }

    /** SHA-256 of the decoded bytes of a chunk, as the table says. */
    public byte[] digest(int ordinal) throws IOException {
        return MappedReads.read(file(), () -> table.digest(ordinal));
    }

    /** Ordinals of the chunks whose decoded bytes have this SHA-256, ascending; empty where there are none. */
    public int[] findChunks(byte[] digest) throws IOException {
        return MappedReads.read(file(), () -> table.find(digest));
    }

    /**
     * Copies {@code bytes} decoded bytes of the byte string that starts with {@code firstChunk}, from position
     * {@code fromBytes} of it.
     *
     * @param target native, or over a byte array
     * @throws Corrupt where a chunk breaks its check, or the byte string is shorter
     */
    public void read(long firstChunk, long fromBytes, MemorySegment target, long targetOffset, long bytes)
            throws IOException {
        long end = fromBytes + bytes;
        for (long at = fromBytes; at < end; ) {
            long number = at / FormatLimits.CHUNK_BYTES;
            int skipped = (int) (at % FormatLimits.CHUNK_BYTES);
            int count = (int) Math.min(FormatLimits.CHUNK_BYTES - skipped, end - at);
            Chunk chunk = chunk(firstChunk + number);
            chunks.checkHolds(chunk, skipped + count);
            chunks.read(chunk, skipped, target.asSlice(targetOffset + at - fromBytes, count));
            at += count;
        }
    }

    /**
     * Copies {@code units} units of {@code unitBytes} of the byte string that starts with {@code firstChunk}, {@code
     * stepBytes} from each other, to where they lie together. No unit lies in two chunks.
     */
    void readStrided(
            long firstChunk,
            long fromBytes,
            long stepBytes,
            long units,
            int unitBytes,
            MemorySegment target,
            long targetOffset)
            throws IOException {
        for (long done = 0; done < units; ) {
            long at = fromBytes + done * stepBytes;
            long number = at / FormatLimits.CHUNK_BYTES;
            int skipped = (int) (at % FormatLimits.CHUNK_BYTES);
            long room = stepBytes < 0 ? skipped : FormatLimits.CHUNK_BYTES - skipped - unitBytes;
            long count = stepBytes == 0 ? units : Math.min(units - done, room / Math.abs(stepBytes) + 1);
            Chunk chunk = chunk(firstChunk + number);
            chunks.checkHolds(chunk, (int) Math.max(skipped, skipped + (count - 1) * stepBytes) + unitBytes);
            chunks.readStrided(chunk, skipped, stepBytes, count, unitBytes, target, targetOffset + done * unitBytes);
            done += count;
        }
    }

    /**
     * Checks the stored bytes of a chunk against their CRC32C.
     *
     * @throws Corrupt naming chunk and offset where they differ
     */
    public void checkChunk(int ordinal) throws IOException {
        chunks.check(chunk(ordinal));
    }

    /** Checks that bytes of the payload that belong to no chunk are zero. */
    public void checkGaps() throws IOException {
        MappedReads.read(file(), () -> {
            new ShardTableCheck(lease, table).checkGaps();
            return null;
        });
    }

    /**
     * The same bytes as a read-only part of the mapping where they are raw and lie in one run there, else null. They are
     * not checked.
     */
    public MemorySegment findView(long firstChunk, long fromBytes, long bytes) throws IOException {
        if (bytes == 0) {
            return lease.segment().asSlice(0, 0);
        }
        long first = firstChunk + fromBytes / FormatLimits.CHUNK_BYTES;
        long last = firstChunk + (fromBytes + bytes - 1) / FormatLimits.CHUNK_BYTES;
        Chunk start = chunk(first);
        Chunk before = null;
        for (long ordinal = first; ordinal <= last; ordinal++) {
            Chunk chunk = chunk(ordinal);
            long end = Math.min(
                    FormatLimits.CHUNK_BYTES, fromBytes + bytes - (ordinal - firstChunk) * FormatLimits.CHUNK_BYTES);
            chunks.checkHolds(chunk, (int) end);
            if (chunk.codec() != Codec.RAW || before != null && before.endBytes() != chunk.offsetBytes()) {
                return null;
            }
            before = chunk;
        }
        return lease.segment().asSlice(start.offsetBytes() + fromBytes % FormatLimits.CHUNK_BYTES, bytes);
    }

    @Override
    public void close() {
        lease.close();
    }
}
