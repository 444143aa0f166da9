package org.trencadis;

import java.io.IOException;
import org.trencadis.format.FormatLimits;
import org.trencadis.index.Tensor;

/** A tensor as consecutive pieces of at most 4 MiB: what is in memory of it at once. */
final class Pieces {
    /** The pieces of types whose elements do not fill whole bytes hold a multiple of this many. */
    private static final long PACKED_ELEMENTS = 8;

    private Pieces() {}

    /** Receives a piece: elements {@code [first, first + count)} in row-major order, and their bytes. */
    @FunctionalInterface
    interface Sink {
        void accept(long first, long count, long bytes) throws IOException;
    }

    static void forEach(Tensor tensor, Sink sink) throws IOException {
        long step = elements(tensor);
        for (long first = 0; first < tensor.elements(); first += step) {
            long count = Math.min(step, tensor.elements() - first);
            sink.accept(first, count, tensor.dtype().bytes(count));
        }
    }

    /** Elements of a full piece. */
    static long elements(Tensor tensor) {
        long elements = (long) FormatLimits.CHUNK_BYTES * 8 / tensor.dtype().bits();
        return elements / PACKED_ELEMENTS * PACKED_ELEMENTS;
    }
}
