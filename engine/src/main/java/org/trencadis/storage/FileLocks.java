package org.trencadis.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Exclusive locks on files, between processes and between threads of this one.
 *
 * <p>Closing any channel of a file drops the process's locks on it, so a file that is locked here must not be opened
 * elsewhere; each file has one channel per JVM, which this class owns.
 */
public final class FileLocks {
    private static final Map<Path, ReentrantLock> LOCKS = new HashMap<>();

    private FileLocks() {}

    /** A held lock; close it to let go, on the thread that took it. */
    public static final class Held implements AutoCloseable {
        private final ReentrantLock lock;
        private final FileChannel channel;
        private final FileLock fileLock;

        private Held(ReentrantLock lock, FileChannel channel, FileLock fileLock) {
            this.lock = lock;
            this.channel = channel;
            this.fileLock = fileLock;
        }

        @Override
        public void close() throws IOException {
            try (channel) {
                fileLock.release();
            } finally {
                lock.unlock();
            }
        }
    }

    /** Waits for the lock on {@code file}, which is created where it is missing. Not reentrant. */
    public static Held lock(Path file) throws IOException {
        Held held = acquire(file, true);
        if (held == null) {
            throw new IOException(file + ": could not be locked");
        }
        return held;
    }

    /** The lock on {@code file} if nobody holds it, else null. Creates the file where it is missing. */
    public static Held findFree(Path file) throws IOException {
        return acquire(file, false);
    }

    private static Held acquire(Path file, boolean wait) throws IOException {
        ReentrantLock lock;
        synchronized (LOCKS) {
            lock = LOCKS.computeIfAbsent(file.toAbsolutePath().normalize(), key -> new ReentrantLock());
        }
        if (lock.isHeldByCurrentThread()) {
            throw new IllegalStateException(file + " is locked by this thread already");
        }
        if (wait) {
            lock.lock();
        } else if (!lock.tryLock()) {
            return null;
        }
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock fileLock = wait ? channel.lock() : channel.tryLock();
            if (fileLock != null) {
                return new Held(lock, channel, fileLock);
            }
        } catch (IOException | RuntimeException e) {
            letGo(lock, channel);
            throw e;
        }
        letGo(lock, channel);
        return null;
    }

    private static void letGo(ReentrantLock lock, FileChannel channel) throws IOException {
        try {
            if (channel != null) {
                channel.close();
            }
        } finally {
            lock.unlock();
        }
    }
}
