package org.trencadis.storage;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Keeps files mapped, read-only, while they are leased and a bounded number of them after that.
 *
 * <p>Files below {@link #READ_BELOW_BYTES} are read instead of mapped. Safe for several threads.
 */
public final class FileCache implements AutoCloseable {
    /** Idle mappings kept; the kernel allows a process 65,530 mappings in all. */
    private static final int MAX_IDLE = 4096;

    private static final long READ_BELOW_BYTES = 64 * 1024;
    private static final long CLOSE_WAIT_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** A file in the cache. */
    static final class Entry {
        private final Path file;
        private final FileStamp stamp;
        private final Arena arena;
        private final MemorySegment segment;
        private int leases;
        /** Leases that expect scattered reads. */
        private int scattered;

        Entry(Path file, FileStamp stamp, Arena arena, MemorySegment segment) {
            this.file = file;
            this.stamp = stamp;
            this.arena = arena;
            this.segment = segment;
        }

        Path file() {
            return file;
        }

        /** Counts one lease more or less that expects scattered reads. */
        synchronized void expectScattered(boolean more) {
            scattered += more ? 1 : -1;
            if (scattered == (more ? 1 : 0) && segment.byteSize() >= READ_BELOW_BYTES) {
                NativeCalls.advise(
                        segment, segment.byteSize(), more ? NativeCalls.MADV_RANDOM : NativeCalls.MADV_NORMAL);
            }
        }

        FileStamp stamp() {
            return stamp;
        }

        MemorySegment segment() {
            return segment;
        }
    }

    private final Map<Path, Entry> entries = new HashMap<>();
    private final LinkedHashMap<Entry, Boolean> idle = new LinkedHashMap<>();
    /** Entries whose file was replaced on disk while they were leased; unmapped with their last lease. */
    private final ArrayDeque<Entry> stale = new ArrayDeque<>();

    private boolean closed;

    /** Links what leases call, which takes longer than opening a file: for a process that will read soon. */
    public static void prepare() {
        NativeCalls.advise(MemorySegment.NULL, 0, NativeCalls.MADV_NORMAL);
    }

    /**
     * Opens {@code file}, or hands out the mapping that is kept where the file still is the same.
     *
     * @throws IllegalStateException after {@link #close}
     */
    public FileLease lease(Path file) throws IOException {
        Path key = file.toAbsolutePath().normalize();
        FileStamp stamp = FileStamp.of(key);
        synchronized (this) {
            checkOpen();
            Entry entry = entries.get(key);
            if (entry != null && !entry.stamp.equals(stamp)) {
                forget(entry);
                entry = null;
            }
            if (entry == null) {
                entry = open(key, stamp);
                entries.put(key, entry);
            }
            entry.leases++;
            idle.remove(entry);
            return new FileLease(this, entry);
        }
    }

    /**
     * Bytes in memory that are read as a file: what a part of {@code file} decodes to.
     *
     * @param stamp of the file
     */
    public static FileLease leaseOf(Path file, FileStamp stamp, byte[] bytes) {
        MemorySegment segment = MemorySegment.ofArray(bytes).asReadOnly();
        return new FileLease(null, new Entry(file, stamp, null, segment));
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the file cache is closed");
        }
    }

    private static Entry open(Path file, FileStamp stamp) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size != stamp.sizeBytes()) {
                throw new StorageException(file, "changed while it was opened");
            }
            MemorySegment segment = size < READ_BELOW_BYTES
                    ? read(channel, arena.allocate(size, 64), file)
                    : channel.map(MapMode.READ_ONLY, 0, size, arena);
            return new Entry(file, stamp, arena, segment.asReadOnly());
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static MemorySegment read(FileChannel channel, MemorySegment target, Path file) throws IOException {
        var buffer = target.asByteBuffer();
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, buffer.position()) < 0) {
                throw new StorageException(file, "was cut while it was opened");
            }
        }
        return target;
    }

    private void forget(Entry entry) {
        entries.remove(entry.file);
        if (idle.remove(entry) != null || entry.leases == 0) {
            entry.arena.close();
        } else {
            stale.add(entry);
        }
    }

    /** Called by a lease, under the cache's lock. */
    void release(Entry entry) {
        entry.leases--;
        if (entry.leases > 0) {
            return;
        }
        if (stale.remove(entry)) {
            entry.arena.close();
        } else {
            idle.put(entry, true);
            trim();
        }
        notifyAll();
    }

    private void trim() {
        Iterator<Entry> oldest = idle.keySet().iterator();
        while (idle.size() > MAX_IDLE && oldest.hasNext()) {
            Entry entry = oldest.next();
            oldest.remove();
            entries.remove(entry.file);
            entry.arena.close();
        }
    }

    /**
     * Refuses new leases, waits for the open ones and unmaps everything.
     *
     * @throws IllegalStateException naming a file that is still leased after ten seconds
     */
    @Override
    public synchronized void close() {
        closed = true;
        long deadline = System.nanoTime() + CLOSE_WAIT_NANOS;
        while (findLeased() != null) {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                throw new IllegalStateException("still read while it was closed: " + findLeased());
            }
            try {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while waiting for readers of " + findLeased(), e);
            }
        }
        entries.values().forEach(entry -> entry.arena.close());
        entries.clear();
        idle.clear();
    }

    private Path findLeased() {
        for (Entry entry : entries.values()) {
            if (entry.leases > 0) {
                return entry.file;
            }
        }
        return stale.isEmpty() ? null : stale.peek().file;
    }
}
