package org.trencadis.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;

/** Waits for what other threads do with files. */
public final class Tasks {
    private Tasks() {}

    /**
     * Waits until {@code task} is done.
     *
     * @throws IOException what it threw; anything else as the cause of one
     * @throws InterruptedIOException when the caller is interrupted, which it then still is
     */
    public static void await(Future<?> task) throws IOException {
        try {
            task.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException cause ? cause : new IOException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted");
        }
    }
}
