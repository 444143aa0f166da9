package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.trencadis.index.Catalog;
import org.trencadis.index.Extent;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.StorageException;

/**
 * The bytes behind a catalog's extents: foreign files below a base, shards of a container. Safe for several threads.
 *
 * <p>A file is opened at its first read and stays open, up to {@link #MAX_OPEN} of them; then files that nobody reads are
 * closed in turn.
 */
public final class CheckpointFiles implements AutoCloseable {
    static final int MAX_OPEN = 2048;

    private final Catalog catalog;
    private final ForeignPaths paths;
    private final Path shards;
    private final FileCache cache;
    private final AtomicReferenceArray<OpenFile> files;
    /** Foreign files that were opened, guarded by this. */
    private final BitSet touched = new BitSet();

    private final StreamPool streams = new StreamPool();
    private int open;
    private int hand;
    private boolean closed;

    private CheckpointFiles(Catalog catalog, ForeignPaths paths, Path shards, FileCache cache) {
        this.catalog = catalog;
        this.paths = paths;
        this.shards = shards;
        this.cache = cache;
        this.files = new AtomicReferenceArray<>(catalog.fileCount());
    }

    /**
     * The files of {@code catalog}. Nothing is opened yet.
     *
     * @param base directory that foreign paths are relative to, or null where there are none
     * @param shards directory of shard files, or null where there are none
     */
    public static CheckpointFiles open(Catalog catalog, Path base, Path shards, FileCache cache) throws IOException {
        return new CheckpointFiles(catalog, new ForeignPaths(catalog, base), shards, cache);
    }

    /**
     * Copies {@code bytes} decoded bytes from position {@code fromBytes} of {@code extent} to {@code target}.
     *
     * @throws StorageException when a foreign file is missing or changed since it was catalogued
     */
    public void read(Extent extent, long fromBytes, MemorySegment target, long targetOffset, long bytes)
            throws IOException {
        OpenFile file = pin(extent.file());
        try {
            file.read(extent, fromBytes, target, targetOffset, bytes);
        } finally {
            file.unpin();
        }
    }

    /** Decoders of the streams in foreign files. */
    StreamPool streams() {
        return streams;
    }

    /** The file, which stays open until it is unpinned. */
    OpenFile pin(int ordinal) throws IOException {
        OpenFile known = files.get(ordinal);
        return known != null && known.tryPin() ? known : openPinned(ordinal);
    }

    private synchronized OpenFile openPinned(int ordinal) throws IOException {
        if (closed) {
            throw new IllegalStateException("the files of the checkpoint are closed");
        }
        OpenFile known = files.get(ordinal);
        if (known != null && known.tryPin()) {
            return known;
        }
        OpenFile opened = openFile(ordinal);
        files.set(ordinal, opened);
        open++;
        closeIdle();
        return opened;
    }

    private OpenFile openFile(int ordinal) throws IOException {
        FileEntry entry = catalog.file(ordinal);
        if (entry.shard()) {
            if (shards == null || entry.digest() == null) {
                throw new StorageException(Path.of(entry.path()), "is a shard, but the checkpoint is in no container");
            }
            String id = HexFormat.of().formatHex(entry.digest());
            return new OpenFile(null, ShardFile.open(shards.resolve(id + ".shard"), cache));
        }
        Path file = paths.resolve(entry);
        paths.check(entry, file);
        FileLease lease = cache.lease(file);
        String change = ForeignPaths.findChange(entry, lease.stamp());
        if (change != null) {
            lease.close();
            throw new StorageException(file, "changed while it was opened (" + change + "); relink the checkpoint");
        }
        touched.set(ordinal);
        return new OpenFile(lease, null);
    }

    /** Goes round the files until few enough are open, or each was asked once. */
    private void closeIdle() throws IOException {
        for (int asked = 0; open > MAX_OPEN && asked < files.length(); asked++) {
            hand = (hand + 1) % files.length();
            OpenFile candidate = files.get(hand);
            if (candidate != null && candidate.tryClose()) {
                files.set(hand, null);
                open--;
            }
        }
    }

    /**
     * Checks the stamps of all foreign files that were read through this object since it was opened.
     *
     * @throws StorageException naming the first that is missing or changed
     */
    public void checkUnchanged() throws IOException {
        BitSet read;
        synchronized (this) {
            read = (BitSet) touched.clone();
        }
        for (int ordinal = read.nextSetBit(0); ordinal >= 0; ordinal = read.nextSetBit(ordinal + 1)) {
            FileEntry entry = catalog.file(ordinal);
            paths.check(entry, paths.resolve(entry));
        }
    }

    /** Closes every file. Views into them are no longer valid. */
    @Override
    public synchronized void close() throws IOException {
        closed = true;
        streams.close();
        IOException failure = null;
        for (int ordinal = 0; ordinal < files.length(); ordinal++) {
            OpenFile file = files.getAndSet(ordinal, null);
            try {
                if (file != null) {
                    file.close();
                }
            } catch (IOException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
