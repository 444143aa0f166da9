package org.trencadis.source.deepspeed;

import java.util.Arrays;

/**
 * The flat buffer of a ZeRO-1/2 optimizer group: its parameters one after another, a gap after some of them, padding at
 * the end, cut into equal partitions, one for each data-parallel rank. Lengths are in elements.
 */
final class FlatGroup {
    /** DeepSpeed pads a group to a multiple of this for each partition (the start alignment of NCCL). */
    private static final long ALIGNMENT_FACTOR = 2;

    /** Receives the part of a parameter that lies in one partition. */
    @FunctionalInterface
    interface WindowSink {
        /**
         * Takes one window.
         *
         * @param parameter position in the group
         * @param start first element, in the parameter's row-major order
         * @param place where that element lies in the partition
         * @param count elements
         */
        void window(int parameter, long start, long place, long count) throws java.io.IOException;
    }

    private final long[] starts;
    private final long[] sizes;
    private final long elements;
    private final long partitionElements;

    /**
     * Lays out a group.
     *
     * @param sizes of the parameters in flat order
     * @param gaps after each parameter
     * @param partitionElements length of each partition; see {@link #alignedPartition}
     */
    FlatGroup(long[] sizes, long[] gaps, long partitionElements) {
        this.sizes = sizes.clone();
        this.starts = new long[sizes.length];
        this.partitionElements = partitionElements;
        long next = 0;
        for (int i = 0; i < sizes.length; i++) {
            starts[i] = next;
            next = Math.addExact(next, Math.addExact(sizes[i], gaps[i]));
        }
        this.elements = next;
    }

    /** The sum of parameters and gaps. */
    static long elements(long[] sizes, long[] gaps) {
        long sum = 0;
        for (int i = 0; i < sizes.length; i++) {
            sum = Math.addExact(sum, Math.addExact(sizes[i], gaps[i]));
        }
        return sum;
    }

    /** The length of each of {@code partitions} partitions of a group of {@code elements}, by DeepSpeed's rule. */
    static long alignedPartition(long elements, int partitions) {
        long unit = ALIGNMENT_FACTOR * partitions;
        return Math.multiplyExact(Math.ceilDiv(elements, unit), ALIGNMENT_FACTOR);
    }

    /** The elements of a partition that are not padding: those of parameters and gaps. */
    long realElements(int partition) {
        return Math.clamp(elements - partition * partitionElements, 0L, partitionElements);
    }

    long partitionElements() {
        return partitionElements;
    }

    /** Hands out what {@code partition} holds of each parameter, in flat order; parameters it does not hold are left out. */
    void forEachWindow(int partition, WindowSink sink) throws java.io.IOException {
        long from = partition * partitionElements;
        long end = from + partitionElements;
        int at = Arrays.binarySearch(starts, from);
        for (int i = Math.max(at >= 0 ? at : -at - 2, 0); i < starts.length && starts[i] < end; i++) {
            long first = Math.max(starts[i], from);
            long last = Math.min(starts[i] + sizes[i], end);
            if (first < last) {
                sink.window(i, first - starts[i], first - from, last - first);
            }
        }
    }
}
