package org.trencadis.container;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.trencadis.storage.Tasks;

/**
 * Makes finished shards durable on a thread of its own, so that those who bring chunks need not wait for the device.
 *
 * <p>Nothing may get its name before {@link #check} returned.
 */
final class Sealer implements AutoCloseable {
    private final ExecutorService thread = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("sealer").factory());
    private final List<Future<?>> started = new ArrayList<>();

    /** What makes one shard durable. */
    @FunctionalInterface
    interface Work {
        void run() throws IOException;
    }

    /** Has the work done later, in the order of the calls. */
    synchronized void seal(Work work) {
        Callable<Void> task = () -> {
            work.run();
            return null;
        };
        started.add(thread.submit(task));
    }

    /**
     * Waits for all work.
     *
     * @throws IOException the first failure, as it was thrown
     */
    void check() throws IOException {
        List<Future<?>> all;
        synchronized (this) {
            all = List.copyOf(started);
        }
        for (Future<?> each : all) {
            Tasks.await(each);
        }
    }

    /** Drops what has not begun, interrupts what has, and waits until nothing runs. */
    @Override
    public void close() {
        thread.shutdownNow();
        boolean interrupted = false;
        boolean ended = false;
        while (!ended) {
            try {
                ended = thread.awaitTermination(1, TimeUnit.MINUTES);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
