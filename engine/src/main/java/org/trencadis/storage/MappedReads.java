package org.trencadis.storage;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Reads of mapped files that somebody may cut meanwhile: the JVM's error about that becomes an exception that names the
 * file.
 *
 * <p>Compiled code goes on with arbitrary values after such a read, and raises the error only where the thread may be
 * stopped next: often in the caller's caller. So a read that is to be blamed waits for it.
 */
public final class MappedReads {
    /** Always 1; volatile, so that no compiler removes the loop. */
    private static volatile int turns = 1;

    private MappedReads() {}

    /** Something that reads a mapping. */
    @FunctionalInterface
    public interface Read<T> {
        T run() throws IOException;
    }

    /**
     * What {@code read} returns.
     *
     * @throws StorageException naming {@code file} where it was cut since it was mapped, whatever {@code read} threw
     */
    public static <T> T read(Path file, Read<T> read) throws IOException {
        try {
            return settled(read);
        } catch (InternalError e) {
            throw cut(file, e);
        }
    }

    static StorageException cut(Path file, InternalError cause) {
        return new StorageException(file, "was cut while it was read", cause);
    }

    private static <T> T settled(Read<T> read) throws IOException {
        try {
            return read.run();
        } finally {
            awaitError();
        }
    }

    /** Raises the error that an earlier read of this thread is owed: turning back is where a thread may be stopped. */
    static void awaitError() {
        int turn = 0;
        while (turn <= turns) {
            turn++;
        }
    }
}
