package org.trencadis.source.deepspeed;

import java.io.IOException;

/**
 * The flat buffer that a rank holds of a ZeRO-3 sub-group: a slot for each parameter, as long as the parameter's share
 * rounded up, so that every parameter is cut among all ranks on its own. Lengths are in elements.
 */
final class SlotGroup {
    private final long[] sizes;
    private final long[] places;
    private final int partitions;
    private final long elements;

    SlotGroup(long[] sizes, int partitions) {
        this.sizes = sizes.clone();
        this.places = new long[sizes.length];
        this.partitions = partitions;
        long next = 0;
        for (int i = 0; i < sizes.length; i++) {
            places[i] = next;
            next = Math.addExact(next, share(sizes[i], partitions));
        }
        this.elements = next;
    }

    /** The slot of a parameter of {@code size} elements. */
    static long share(long size, int partitions) {
        return Math.ceilDiv(size, partitions);
    }

    /** The elements of a parameter that {@code partition} really holds; 0 is normal for small parameters. */
    static long held(long size, int partition, int partitions) {
        long share = share(size, partitions);
        return Math.clamp(size - partition * share, 0L, share);
    }

    /** The length of each rank's buffer, padding included. */
    long elements() {
        return elements;
    }

    /** Hands out what {@code partition} holds, in the order of the slots. */
    void forEachWindow(int partition, FlatGroup.WindowSink sink) throws IOException {
        for (int i = 0; i < sizes.length; i++) {
            long held = held(sizes[i], partition, partitions);
            if (held > 0) {
                sink.window(i, partition * share(sizes[i], partitions), places[i], held);
            }
        }
    }
}
