package org.trencadis.verify;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import org.trencadis.format.Digests;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.FileCache;

/** The shards of a container while they are checked: each is opened once, each chunk read once. Safe for several threads. */
public final class ShardSet implements AutoCloseable {
    /** An open shard and which of its chunks were read. */
    private static final class Entry {
        private final ShardFile shard;
        private final BitSet read = new BitSet();

        Entry(ShardFile shard) {
            this.shard = shard;
        }
    }

    private final FileCache cache;
    private final Map<Path, Entry> entries = new HashMap<>();
    private final Map<Path, IOException> failures = new HashMap<>();

    public ShardSet(FileCache cache) {
        this.cache = cache;
    }

    /** Opens the shard in {@code file}, which checks all its records; fails each time where it failed once. */
    public synchronized ShardFile open(Path file) throws IOException {
        Entry entry = entries.get(file);
        if (entry != null) {
            return entry.shard;
        }
        IOException failure = failures.get(file);
        if (failure != null) {
            throw failure;
        }
        try {
            ShardFile shard = ShardFile.open(file, cache);
            entries.put(file, new Entry(shard));
            return shard;
        } catch (IOException e) {
            failures.put(file, e);
            throw e;
        }
    }

    private synchronized boolean take(Path file, int ordinal) {
        BitSet read = entries.get(file).read;
        boolean isFirst = !read.get(ordinal);
        read.set(ordinal);
        return isFirst;
    }

    /**
     * Reads a chunk, if nobody did before, and compares its CRC32C and its SHA-256.
     *
     * @return stored bytes that were read
     * @throws Corrupt naming the chunk
     */
    long check(ShardFile shard, int ordinal, MemorySegment buffer) throws IOException {
        if (!take(shard.file(), ordinal)) {
            return 0;
        }
        ShardFile.Chunk chunk = shard.chunk(ordinal);
        int bytes = chunk.decodedBytes();
        shard.read(ordinal, 0, buffer, 0, bytes);
        MessageDigest digest = Digests.sha256();
        digest.update(buffer.asSlice(0, bytes).asByteBuffer());
        byte[] actual = digest.digest();
        byte[] expected = shard.digest(ordinal);
        if (!Arrays.equals(actual, expected)) {
            throw new Corrupt(
                    "SHA-256 of chunk " + ordinal,
                    HexFormat.of().formatHex(expected),
                    HexFormat.of().formatHex(actual),
                    new Place(shard.file().toString(), "chunk " + ordinal, chunk.offsetBytes()));
        }
        return chunk.storedBytes();
    }

    /** The chunks that hold {@code lengthBytes} decoded bytes. */
    static int chunks(long lengthBytes) {
        return Math.toIntExact((lengthBytes + FormatLimits.CHUNK_BYTES - 1) / FormatLimits.CHUNK_BYTES);
    }

    @Override
    public synchronized void close() {
        entries.values().forEach(entry -> entry.shard.close());
        entries.clear();
    }
}
