package org.trencadis.storage;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * The right to read one file through the {@link FileCache} that keeps it mapped; close it when done.
 *
 * <p>Several threads may read through one lease. A mapping stays valid as long as one lease of it is open.
 */
public final class FileLease implements AutoCloseable {
    /** Null for bytes in memory, which nobody has to let go. */
    private final FileCache cache;

    private final FileCache.Entry entry;
    private boolean closed;
    private boolean scattered;

    FileLease(FileCache cache, FileCache.Entry entry) {
        this.cache = cache;
        this.entry = entry;
    }

    public Path file() {
        return entry.file();
    }

    public long sizeBytes() {
        return entry.segment().byteSize();
    }

    /** What the file system said about the file when it was opened. */
    public FileStamp stamp() {
        return entry.stamp();
    }

    /**
     * All bytes of the file, read-only. Prefer {@link #read}: reading a mapping whose file was cut raises an
     * {@link InternalError}, unless it is done through {@link MappedReads}, and an intrinsic over it kills the JVM.
     */
    public MemorySegment segment() {
        return entry.segment();
    }

    /**
     * Says that the file is read in small pieces far from each other, until this is called with false or closed: nothing
     * is then read ahead, for any lease of the file. Without effect on what is read.
     */
    public void expectScattered(boolean wanted) {
        synchronized (cache) {
            if (scattered != wanted && !closed) {
                scattered = wanted;
                entry.expectScattered(wanted);
            }
        }
    }

    /**
     * Copies {@code bytes} bytes from {@code offset} of the file to {@code target}.
     *
     * @throws StorageException when the range is not in the file, or the file was cut since it was opened
     */
    public void read(long offset, MemorySegment target, long targetOffset, long bytes) throws IOException {
        if (offset < 0 || bytes < 0 || bytes > sizeBytes() - offset) {
            throw new StorageException(
                    file(), "bytes " + offset + " + " + bytes + " are not in the file of " + sizeBytes() + " bytes");
        }
        // As MappedReads.read does, without an object for each of many short reads.
        try {
            copy(offset, target, targetOffset, bytes);
        } catch (InternalError e) {
            throw MappedReads.cut(file(), e);
        }
    }

    private void copy(long offset, MemorySegment target, long targetOffset, long bytes) {
        try {
            MemorySegment.copy(entry.segment(), offset, target, targetOffset, bytes);
        } finally {
            MappedReads.awaitError();
        }
    }

    /**
     * Checks that the file still is what it was when opened.
     *
     * @throws StorageException naming what changed
     */
    public void checkUnchanged() throws IOException {
        FileStamp now = FileStamp.of(file());
        if (!now.equals(stamp())) {
            throw new StorageException(file(), "changed while it was read: was " + stamp() + ", is " + now);
        }
    }

    @Override
    public void close() {
        if (cache == null) {
            return;
        }
        synchronized (cache) {
            if (!closed) {
                expectScattered(false);
                closed = true;
                cache.release(entry);
            }
        }
    }
}
