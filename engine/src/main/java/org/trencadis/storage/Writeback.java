package org.trencadis.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Forces files to the device while they are still being made. Without it the device idles until a tenth of the memory is
 * dirty, and behind a cache of its own, which may be another system's memory; forcing a file at last then waits for all.
 *
 * <p>A device that is busy makes the caller wait, so that one thread of its own does the asking: those that make the files
 * go on.
 */
final class Writeback implements AutoCloseable {
    /** After so much, of any files, the one that was written last is forced, and with it the device's cache emptied. */
    private static final long STEP_BYTES = 64L << 20;

    private static final AtomicLong WRITTEN = new AtomicLong();

    private static final ExecutorService ASKING = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("writeback").factory());

    /** The system tells of data that it could not write once; who forces such a file again is told that all is well. */
    private static final Set<Path> FAILED = ConcurrentHashMap.newKeySet();

    private final Path file;
    private final FileChannel channel;

    /** @param channel to force; closed with this */
    Writeback(Path file, FileChannel channel) {
        this.file = file.toAbsolutePath();
        this.channel = channel;
    }

    /** For an existing file, or null where it cannot be opened once more: all is forced in the end without this. */
    static Writeback find(Path file) {
        try {
            return new Writeback(file, FileChannel.open(file, StandardOpenOption.WRITE));
        } catch (IOException e) {
            return null;
        }
    }

    /** Is told of each part that was written. */
    void wrote(long bytes) {
        long end = WRITTEN.addAndGet(bytes);
        if (end / STEP_BYTES != (end - bytes) / STEP_BYTES) {
            ASKING.execute(this::force);
        }
    }

    private void force() {
        try {
            channel.force(false);
        } catch (IOException e) {
            FAILED.add(file);
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

    /** Lets go of the file once all that was asked for is done. */
    @Override
    public void close() {
        ASKING.execute(() -> {
            try {
                channel.close();
            } catch (IOException e) {
                FAILED.add(file);
            }
        });
    }
}
