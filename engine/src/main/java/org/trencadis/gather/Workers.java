package org.trencadis.gather;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** Runs one body on several threads until all of them return or one fails. */
final class Workers {
    private final AtomicReference<Throwable> failure = new AtomicReference<>();

    private Workers() {}

    /** What each thread does; it returns early when {@link #isStopped}. */
    @FunctionalInterface
    interface Body {
        void run(Workers workers) throws IOException;
    }

    /** Whether a thread failed or the caller was interrupted, so that the others should return. */
    boolean isStopped() {
        return failure.get() != null;
    }

    /**
     * Runs {@code body} on {@code threads} threads, the caller's being the only one where that is 1.
     *
     * @throws IOException the first failure, as it was thrown; also unchecked exceptions and errors
     */
    static void run(int threads, Body body) throws IOException {
        Workers workers = new Workers();
        if (threads <= 1) {
            body.run(workers);
            return;
        }
        List<Thread> started = new ArrayList<>();
        for (int number = 0; number < threads; number++) {
            started.add(Thread.ofPlatform()
                    .name("trencadis-worker-" + number)
                    .daemon()
                    .start(() -> workers.guard(body)));
        }
        workers.join(started);
        workers.rethrow();
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
                    failure.compareAndSet(null, new InterruptedIOException("interrupted"));
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
