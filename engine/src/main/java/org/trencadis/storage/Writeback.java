package org.trencadis.storage;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Has the system write a file to the device while it is still being made. Without it the device idles until a tenth of the
 * memory is dirty, and forcing the file then waits for all of it. Nor does the device idle behind its own cache, which may
 * be another system's memory: that is emptied on the way too.
 *
 * <p>A device that is busy makes the caller wait, so that one thread of its own does the asking: those that make the file
 * go on.
 */
final class Writeback implements AutoCloseable {
    /** Parts of this size are handed to the device at once: smaller ones cost more turns of the file system. */
    private static final long STEP_BYTES = 16L << 20;

    /** After so much, of any files, the device's cache is emptied. */
    private static final long FLUSH_BYTES = 64L << 20;

    /** Asked for since the device's cache was emptied; seen by the asking thread alone. */
    private static long unflushedBytes;

    private static final ExecutorService ASKING = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("writeback").factory());

    /** The system tells of data that it could not write once; who forces such a file again is told that all is well. */
    private static final Set<Path> FAILED = ConcurrentHashMap.newKeySet();

    private final Path file;
    private final int descriptor;

    Writeback(Path file, int descriptor) {
        this.file = file.toAbsolutePath();
        this.descriptor = descriptor;
    }

    /** For an existing file, or null where the system cannot do it. */
    static Writeback find(Path file) {
        int descriptor = NativeCalls.open(file);
        return descriptor < 0 ? null : new Writeback(file, descriptor);
    }

    /**
     * Is told of each part that was written. Where one completes a step, that step and the one before, of which other
     * threads may have been late, are started.
     */
    void wrote(long offset, long bytes) {
        long end = (offset + bytes) / STEP_BYTES * STEP_BYTES;
        if (end > offset) {
            long start = Math.max(0, offset / STEP_BYTES * STEP_BYTES - STEP_BYTES);
            ASKING.execute(() -> ask(start, end - start, end - offset));
        }
    }

    /** Starts all that was not yet; {@code bytes} is the length of the file. */
    void wroteAll(long bytes) {
        ASKING.execute(() -> ask(0, bytes, bytes % STEP_BYTES));
    }

    private void ask(long offset, long bytes, long newBytes) {
        NativeCalls.startWriteback(descriptor, offset, bytes);
        unflushedBytes += newBytes;
        if (unflushedBytes >= FLUSH_BYTES) {
            unflushedBytes = 0;
            // Forces this file, and with it whatever the device holds of others.
            if (!NativeCalls.forceData(descriptor)) {
                FAILED.add(file);
            }
        }
    }

    /**
     * Waits until all that was asked for is done.
     *
     * @throws StorageException naming a file below {@code root} whose data could not be written, for one call to see
     */
    static void checkBelow(Path root) throws IOException {
        Tasks.await(ASKING.submit(() -> {}));
        for (Path failed : FAILED) {
            if (failed.startsWith(root.toAbsolutePath()) && FAILED.remove(failed)) {
                throw new StorageException(failed, "could not be written to the device");
            }
        }
    }

    /** Lets go of the file once all that was asked for is started. */
    @Override
    public void close() {
        ASKING.execute(() -> NativeCalls.close(descriptor));
    }
}
