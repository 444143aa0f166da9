package org.trencadis.tools;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Where the process starts. */
public final class Main {
    /** How long an interrupted command may take to put things back before the process ends all the same. */
    private static final long CLEANUP_SECONDS = 10;

    private Main() {}

    /** Runs one command and exits with its code. */
    public static void main(String[] args) {
        Streams streams = Streams.ofProcess();
        CountDownLatch finished = new CountDownLatch(1);
        Runtime.getRuntime()
                .addShutdownHook(Thread.ofPlatform().name("interrupt").unstarted(stopper(finished)));
        int code = CommandRunner.run(streams, args);
        finished.countDown();
        System.exit(code);
    }

    /**
     * Runs when the process is told to end, by a signal or by {@link System#exit}: interrupts a command that still works
     * and gives it time to take back what is half-made. The exit code after a signal is the JVM's, 130 for SIGINT.
     */
    private static Runnable stopper(CountDownLatch finished) {
        Thread command = Thread.currentThread();
        return () -> {
            if (finished.getCount() == 0) {
                return;
            }
            command.interrupt();
            try {
                if (!finished.await(CLEANUP_SECONDS, TimeUnit.SECONDS)) {
                    command.interrupt();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
    }
}
