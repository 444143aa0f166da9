package org.trencadis.torch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;

/**
 * The values of one pickle behind each other, off the heap, in pages: written once from front to back, then read by any
 * thread.
 *
 * <p>Its length is bounded in proportion to the pickle's, so that few bytes cannot ask for much memory.
 */
final class Tape {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int BYTES_PER_PICKLE_BYTE = 16;
    private static final long LEAST_LIMIT_BYTES = 1 << 20;
    private static final int MIN_PAGE_BYTES = 1 << 10;
    private static final int MAX_PAGE_BYTES = 1 << 20;

    private final Arena arena;
    private final String resource;
    private final int pageShift;
    private final long pageMask;
    private final long limitBytes;
    private MemorySegment[] pages = new MemorySegment[4];
    private int pageCount;
    private long endBytes;

    Tape(Arena arena, long pickleBytes, String resource) {
        this.arena = arena;
        this.resource = resource;
        this.pageShift = 64 - Long.numberOfLeadingZeros(Math.clamp(pickleBytes, MIN_PAGE_BYTES, MAX_PAGE_BYTES) - 1);
        this.pageMask = (1L << pageShift) - 1;
        this.limitBytes = LEAST_LIMIT_BYTES + BYTES_PER_PICKLE_BYTE * pickleBytes;
    }

    /** The position of the next record. */
    long end() {
        return endBytes;
    }

    /** Room for {@code bytes} zero bytes at {@link #end}; their position. */
    long allocate(long bytes) throws FormatException {
        long position = endBytes;
        if (bytes > limitBytes - position) {
            throw new FormatException.Unsupported(
                    "values of a pickle take memory in proportion to its length",
                    "at most " + limitBytes + " bytes",
                    position + " + " + bytes,
                    new Place(resource, "values", 0));
        }
        endBytes += bytes;
        while ((long) pageCount << pageShift < endBytes) {
            if (pageCount == pages.length) {
                pages = Arrays.copyOf(pages, pageCount * 2);
            }
            pages[pageCount++] = arena.allocate(1L << pageShift, 8);
        }
        return position;
    }

    int getByte(long position) {
        return page(position).get(ValueLayout.JAVA_BYTE, position & pageMask) & 0xFF;
    }

    void putByte(long position, int value) {
        page(position).set(ValueLayout.JAVA_BYTE, position & pageMask, (byte) value);
    }

    /** The signed number in the {@code width} bytes at {@code position}. */
    long get(long position, int width) {
        int shift = 64 - 8 * width;
        long offset = position & pageMask;
        if (offset <= pageMask - 7) {
            return page(position).get(LONG, offset) << shift >> shift;
        }
        long value = 0;
        for (int i = width - 1; i >= 0; i--) {
            value = value << 8 | getByte(position + i);
        }
        return value << shift >> shift;
    }

    void put(long position, long value, int width) {
        long offset = position & pageMask;
        if (offset <= pageMask - 7) {
            MemorySegment page = page(position);
            long kept = width == 8 ? 0 : page.get(LONG, offset) >>> 8 * width << 8 * width;
            long bits = width == 8 ? value : value & (1L << 8 * width) - 1;
            page.set(LONG, offset, kept | bits);
            return;
        }
        for (int i = 0; i < width; i++) {
            putByte(position + i, (int) (value >>> 8 * i));
        }
    }

    void put(long position, byte[] bytes) {
        int done = 0;
        while (done < bytes.length) {
            long offset = (position + done) & pageMask;
            int part = (int) Math.min(bytes.length - done, pageMask + 1 - offset);
            MemorySegment.copy(bytes, done, page(position + done), ValueLayout.JAVA_BYTE, offset, part);
            done += part;
        }
    }

    byte[] get(long position, byte[] target) {
        int done = 0;
        while (done < target.length) {
            long offset = (position + done) & pageMask;
            int part = (int) Math.min(target.length - done, pageMask + 1 - offset);
            MemorySegment.copy(page(position + done), ValueLayout.JAVA_BYTE, offset, target, done, part);
            done += part;
        }
        return target;
    }

    private MemorySegment page(long position) {
        return pages[(int) (position >>> pageShift)];
    }
}
