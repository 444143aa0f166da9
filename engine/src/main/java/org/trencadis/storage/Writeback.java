package org.trencadis.storage;

import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Has the system write a file to the device while it is still being made. Without it the device idles until a tenth of the
 * memory is dirty, and forcing the file then waits for all of it.
 *
 * <p>A device that is busy makes the caller wait, so that one thread of its own does the asking: those that make the file
 * go on.
 */
final class Writeback implements AutoCloseable {
    /** Parts of this size are handed to the device at once: smaller ones cost more turns of the file system. */
    private static final long STEP_BYTES = 16L << 20;

    private static final ExecutorService ASKING = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("writeback").factory());

    private final int descriptor;

    private Writeback(int descriptor) {
        this.descriptor = descriptor;
    }

    /** For an existing file, or null where the system cannot do it. */
    static Writeback find(Path file) {
        int descriptor = NativeCalls.open(file);
        return descriptor < 0 ? null : new Writeback(descriptor);
    }

    /**
     * Is told of each part that was written. Where one completes a step, that step and the one before, of which other
     * threads may have been late, are started.
     */
    void wrote(long offset, long bytes) {
        long end = (offset + bytes) / STEP_BYTES * STEP_BYTES;
        if (end > offset) {
            long start = Math.max(0, offset / STEP_BYTES * STEP_BYTES - STEP_BYTES);
            ASKING.execute(() -> NativeCalls.startWriteback(descriptor, start, end - start));
        }
    }

    /** Starts all that was not yet. */
    void wroteAll() {
        ASKING.execute(() -> NativeCalls.startWriteback(descriptor, 0, 0));
    }

    /** Lets go of the file once all that was asked for is started. */
    @Override
    public void close() {
        ASKING.execute(() -> NativeCalls.close(descriptor));
    }
}
