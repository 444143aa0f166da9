package org.trencadis.tools;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Where the process starts. */
public final class Main {
    /** How long an interrupted command may take to put things back before the process ends all the same. */
    private static final int CLEANUP_STEPS = 100;

    private static final long STEP_MILLIS = 100;

    private Main() {}

    /** Runs one command and exits with its code. */
    public static void main(String[] args) {
        Streams streams = Streams.ofProcess();
        CountDownLatch finished = new CountDownLatch(1);
        Thread command = Thread.currentThread();
        Thread stopper = Thread.ofPlatform().name("interrupt").unstarted(() -> stop(command, finished, streams));
        Runtime.getRuntime().addShutdownHook(stopper);
        int code = CommandRunner.run(streams, args);
        finished.countDown();
        if (stopper.isAlive()) {
            // A signal came: the exit code is the JVM's, 130 for SIGINT.
            System.exit(code);
        }
        // All is written and closed, and leaving this way loads no logger to report the exit to.
        Runtime.getRuntime().halt(code);
    }

    /** Interrupts the command and gives it time to take back what is half-made; one that only waits for a reader has nothing. */
    private static void stop(Thread command, CountDownLatch finished, Streams streams) {
        command.interrupt();
        boolean wasWriting = false;
        try {
            for (int step = 0; step < CLEANUP_STEPS; step++) {
                if (finished.await(STEP_MILLIS, TimeUnit.MILLISECONDS)) {
                    return;
                }
                if (wasWriting && streams.isWriting()) {
                    return;
                }
                wasWriting = streams.isWriting();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
