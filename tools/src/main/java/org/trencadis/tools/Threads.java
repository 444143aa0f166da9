package org.trencadis.tools;

import org.trencadis.Checkpoint;

/** The argument of {@code --threads}. */
final class Threads {
    private static final int MAX = 64;

    private Threads() {}

    /** {@code threads}, or the default where it was not given. */
    static int check(Integer threads) {
        if (threads == null) {
            return Checkpoint.defaultThreads();
        }
        if (threads < 1 || threads > MAX) {
            throw new UsageException("--threads takes a number from 1 to " + MAX + ", not " + threads);
        }
        return threads;
    }
}
