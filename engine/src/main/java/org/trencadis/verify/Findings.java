package org.trencadis.verify;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** Collects damage from several threads, up to a number that a person can still read. */
public final class Findings {
    private static final int MAX = 10_000;

    private final List<Damage> damages = new ArrayList<>();
    private long left;

    /** A check that fails where something is damaged. */
    @FunctionalInterface
    interface Check {
        void run() throws IOException;
    }

    synchronized void add(Damage damage) {
        if (damages.size() < MAX) {
            damages.add(damage);
        } else {
            left++;
        }
    }

    /**
     * Runs {@code check} and records its failure.
     *
     * @param place adds to the damage what the check does not know
     * @return whether it passed
     */
    boolean passes(Check check, UnaryOperator<Damage> place) throws IOException {
        try {
            check.run();
            return true;
        } catch (InterruptedIOException | ClosedByInterruptException e) {
            throw e;
        } catch (IOException e) {
            add(place.apply(Damage.of(e)));
            return false;
        }
    }

    /** Records a failure that ended a check. */
    public void addFailure(IOException failure) {
        add(Damage.of(failure));
    }

    /** What was found, in the order in which it was. */
    public synchronized List<Damage> list() {
        List<Damage> all = new ArrayList<>(damages);
        if (left > 0) {
            all.add(Damage.of("more", left + " more findings are not listed"));
        }
        return all;
    }
}
