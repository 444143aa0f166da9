package org.trencadis.tools;

import java.io.PrintStream;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.trencadis.Progress;

/** One line on a terminal: share done, bytes, rate, time left. Drawn by whichever worker comes by when it is due. */
final class TerminalProgress implements Progress {
    private static final long REDRAW_NANOS = TimeUnit.MILLISECONDS.toNanos(200);

    private final PrintStream terminal;
    private final AtomicLong done = new AtomicLong();
    private final AtomicLong drawn = new AtomicLong();
    private volatile long started;
    private volatile long total;
    private volatile boolean isVisible;

    TerminalProgress(PrintStream terminal) {
        this.terminal = terminal;
    }

    @Override
    public void start(long totalBytes) {
        total = totalBytes;
        done.set(0);
        started = System.nanoTime();
        drawn.set(started);
    }

    @Override
    public void advance(long bytes) {
        long now = System.nanoTime();
        long sum = done.addAndGet(bytes);
        long last = drawn.get();
        if (now - last >= REDRAW_NANOS && drawn.compareAndSet(last, now)) {
            isVisible = true;
            terminal.print("\r" + line(sum, total, now - started) + "\u001b[K");
            terminal.flush();
        }
    }

    /** What the line says. */
    static String line(long done, long total, long nanos) {
        double perSecond = done / Math.max(nanos / 1e9, 1e-9);
        String text = Printable.bytes(done);
        if (total > 0) {
            long percent = Math.min(100, Math.round(100.0 * done / total));
            long seconds = Math.round(Math.max(0, total - done) / Math.max(perSecond, 1));
            text = String.format(Locale.ROOT, "%3d %%  %s of %s", percent, text, Printable.bytes(total));
            return text + "  " + Printable.bytes(perSecond) + "/s  " + seconds + " s left";
        }
        return text + "  " + Printable.bytes(perSecond) + "/s";
    }

    /** Takes the line away. */
    void clear() {
        if (isVisible) {
            terminal.print("\r\u001b[K");
            terminal.flush();
            isVisible = false;
        }
    }
}
