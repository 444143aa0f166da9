package org.trencadis.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** A sparse array of longs off the heap: what was never set is 0, and its pages take no memory. */
final class LongColumn {
    private static final int MIN_PAGE_SHIFT = 6;
    private static final int MAX_PAGE_SHIFT = 13;

    private final Arena arena;
    private final int pageShift;
    private final long pageMask;
    private MemorySegment[] pages = new MemorySegment[4];

    /** @param expected number of entries that is plausible; decides the size of the pages */
    LongColumn(Arena arena, long expected) {
        this.arena = arena;
        this.pageShift = Math.clamp(64L - Long.numberOfLeadingZeros(expected), MIN_PAGE_SHIFT, MAX_PAGE_SHIFT);
        this.pageMask = (1L << pageShift) - 1;
    }

    long get(long index) {
        long page = index >>> pageShift;
        if (page >= pages.length || pages[(int) page] == null) {
            return 0;
        }
        return pages[(int) page].getAtIndex(ValueLayout.JAVA_LONG, index & pageMask);
    }

    void set(long index, long value) {
        int page = Math.toIntExact(index >>> pageShift);
        if (page >= pages.length) {
            pages = Arrays.copyOf(pages, Math.max(page + 1, pages.length * 2));
        }
        if (pages[page] == null) {
            pages[page] = arena.allocate(8L << pageShift, 8);
        }
        pages[page].setAtIndex(ValueLayout.JAVA_LONG, index & pageMask, value);
    }
}
