package org.trencadis.source.megatron;

import java.util.Arrays;

/**
 * Where parameters lie in a flat buffer of Megatron's distributed optimizer. They lie there in the module's order, last
 * first, and each begins at a multiple of 64 elements of its bucket. What pads the end of a bucket is not stored, so gaps
 * depend on where buckets end, which nothing records: positions are known where the buffer's length leaves one choice.
 *
 * @param elements of each parameter in the module's order
 * @param alone whether it has a bucket of its own
 */
record BufferPlan(long[] elements, boolean[] alone) {
    private static final long ALIGNMENT = 64;

    /**
     * The first element of each parameter, or null where the length does not prove it.
     *
     * @param bucketElements at which a bucket ends in the job that the stored arguments describe
     */
    long[] find(long length, long bucketElements) {
        // The shortest layout has no gaps, the longest has all: either length has no other layout.
        long[] starts = new long[elements.length];
        if (place(starts, 0, 1) == length || place(starts, 0, ALIGNMENT) == length) {
            return starts;
        }
        return place(starts, bucketElements, ALIGNMENT) == length ? starts : null;
    }

    /** The lengths that a buffer of these parameters can have, for messages. */
    String lengths() {
        long[] starts = new long[elements.length];
        return place(starts, 0, 1) + " to " + place(starts, 0, ALIGNMENT);
    }

    /** Fills {@code starts} and returns the length; buckets end only where {@code bucketElements} is above 0. */
    private long place(long[] starts, long bucketElements, long alignment) {
        Arrays.fill(starts, 0);
        long before = 0;
        long next = 0;
        for (int i = elements.length - 1; i >= 0; i--) {
            next = Math.ceilDiv(next, alignment) * alignment;
            boolean ends = bucketElements > 0 && alone[i];
            if (ends && next > 0) {
                before = Math.addExact(before, next);
                next = 0;
            }
            starts[i] = Math.addExact(before, next);
            next = Math.addExact(next, elements[i]);
            if (ends || bucketElements > 0 && next >= bucketElements) {
                before = Math.addExact(before, next);
                next = 0;
            }
        }
        return Math.addExact(before, next);
    }
}
