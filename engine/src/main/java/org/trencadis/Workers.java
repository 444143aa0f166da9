package org.trencadis;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Does numbered pieces of work on several threads, the calling one among them. The first failure, or an interrupt of the
 * caller, stops all; nothing runs on when the call returns.
 */
final class Workers {
    /** One piece of work with what its thread owns. */
    @FunctionalInterface
    interface Task<T> {
        void run(T own, long number) throws IOException;
    }

    /** Each has a buffer of 4 MiB. */
    private static final int MAX_WRITERS = 16;

    private Workers() {}

    /** How many of those write files that {@code threads} keep busy: each waits for the device half of its time. */
    static int writers(int threads) {
        return threads == 1 ? 1 : Math.min(2 * threads, MAX_WRITERS);
    }

    /**
     * Runs {@code task} for each number below {@code count}.
     *
     * @param own makes what one thread needs for itself; closed on that thread
     */
    static <T extends AutoCloseable> void run(int threads, long count, Supplier<T> own, Task<T> task)
            throws IOException {
        AtomicLong next = new AtomicLong();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Runnable work = () -> {
            try (T mine = own.get()) {
                for (long number = next.getAndIncrement(); number < count; number = next.getAndIncrement()) {
                    if (failure.get() != null || Thread.interrupted()) {
                        failure.compareAndSet(null, new InterruptedIOException("interrupted"));
                        return;
                    }
                    task.run(mine, number);
                }
            } catch (Throwable e) {
                failure.compareAndSet(null, e);
            }
        };
        List<Thread> helpers = new ArrayList<>();
        for (int i = 1; i < Math.min(threads, count); i++) {
            helpers.add(Thread.ofPlatform().name("worker-" + i).start(work));
        }
        work.run();
        join(helpers, failure);
        rethrow(failure.get());
    }

    private static void join(List<Thread> helpers, AtomicReference<Throwable> failure) {
        for (Thread helper : helpers) {
            while (helper.isAlive()) {
                try {
                    helper.join();
                } catch (InterruptedException e) {
                    failure.compareAndSet(null, new InterruptedIOException("interrupted"));
                    helpers.forEach(Thread::interrupt);
                }
            }
        }
    }

    private static void rethrow(Throwable failure) throws IOException {
        switch (failure) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IOException(failure);
        }
    }
}
