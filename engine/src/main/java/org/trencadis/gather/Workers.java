package org.trencadis.gather;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;

/**
 * Work on several threads until all of it is done. The first failure, or an interrupt of the caller, stops all; nothing
 * runs on when a call returns.
 */
public final class Workers {
    /** Each has a buffer of 4 MiB. */
    private static final int MAX_WRITERS = 16;

    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    private Workers() {}

    /** What each thread does; it returns early when {@link #isStopped}. */
    @FunctionalInterface
    public interface Body {
        void run(Workers workers) throws IOException;
    }

    /** One of many numbered tasks, with what its thread owns. */
    @FunctionalInterface
    public interface Task<T> {
        void run(T own, long number) throws IOException;
    }

    /** How many of those that write files {@code threads} keep busy: each waits for the device half of its time. */
    public static int writers(int threads) {
        return threads == 1 ? 1 : Math.min(2 * threads, MAX_WRITERS);
    }

    /** Whether a thread failed or was interrupted, or the caller was, so that the others should return. */
    public boolean isStopped() {
        if (Thread.currentThread().isInterrupted()) {
            interrupted();
        }
        return failure.get() != null;
    }

    private void interrupted() {
        failure.compareAndSet(null, new InterruptedIOException("interrupted"));
    }

    /**
     * Runs {@code body} on {@code threads} threads, the caller's being the only one where that is 1.
     *
     * @throws IOException the first failure, as it was thrown; also unchecked exceptions and errors
     * @throws InterruptedIOException when the caller is interrupted, which it then still is
     */
    public static void run(int threads, Body body) throws IOException {
        Workers workers = new Workers();
        if (threads <= 1) {
            workers.guard(body);
        } else {
            List<Thread> started = new ArrayList<>();
            for (int number = 0; number < threads; number++) {
                started.add(Thread.ofPlatform()
                        .name("trencadis-worker-" + number)
                        .daemon()
                        .start(() -> workers.guard(body)));
            }
            workers.join(started);
        }
        workers.rethrow();
    }

    /**
     * Runs {@code task} once for each number below {@code count}, in about this order, as {@link #run} does.
     *
     * @param own makes what one thread needs for itself; closed on that thread
     */
    public static <T extends Closeable> void forEach(int threads, long count, Supplier<T> own, Task<T> task)
            throws IOException {
        AtomicLong next = new AtomicLong();
        run((int) Math.min(threads, count), workers -> {
            try (T mine = own.get()) {
                for (long number = next.getAndIncrement();
                        number < count && !workers.isStopped();
                        number = next.getAndIncrement()) {
                    task.run(mine, number);
                }
            }
        });
    }

    private void guard(Body body) {
        try {
            body.run(this);
        } catch (Throwable e) {
            failure.compareAndSet(null, e);
        }
    }

    /** Waits for every thread; an interrupt stops them, and is passed on when they are gone. */
    private void join(List<Thread> started) {
        boolean interrupted = false;
        for (Thread thread : started) {
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                    interrupted();
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void rethrow() throws IOException {
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new AssertionError("a body throws no other checked exception", e);
        }
    }
}
