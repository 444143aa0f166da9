package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatLimits;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * The pieces of canonical bytes: 4 MiB each, the last one shorter. A piece of a 6-bit type may start inside an element's
 * group of bytes; it is then cut out of the elements around it.
 */
final class PieceBytes {
    /** Room for the elements around a piece. */
    static final int BUFFER_BYTES = FormatLimits.CHUNK_BYTES + 64;

    private PieceBytes() {}

    static long count(long bytes) {
        return (bytes + FormatLimits.CHUNK_BYTES - 1) / FormatLimits.CHUNK_BYTES;
    }

    static int length(long bytes, long piece) {
        return (int) Math.min(FormatLimits.CHUNK_BYTES, bytes - piece * FormatLimits.CHUNK_BYTES);
    }

    /** Fetches elements of a region. */
    @FunctionalInterface
    interface Source {
        void gather(Region region, MemorySegment target) throws IOException;
    }

    /** Brings a piece of {@code whole} to the start of {@code buffer}, which has {@link #BUFFER_BYTES}. */
    static void gather(Dtype dtype, Region whole, long piece, Source source, MemorySegment buffer) throws IOException {
        long from = piece * FormatLimits.CHUNK_BYTES;
        int length = length(dtype.bytes(whole.count()), piece);
        int bits = dtype.bits();
        // Elements are moved in groups that end on a byte.
        int group = bits % 8 == 0 ? 1 : bits == 4 ? 2 : 4;
        int groupBytes = group * bits / 8;
        long first = from / groupBytes * group;
        long end = Math.min(whole.count(), (from + length + groupBytes - 1) / groupBytes * group);
        long skipped = from - first / group * groupBytes;
        source.gather(whole.part(first, end - first), buffer);
        if (skipped > 0) {
            MemorySegment.copy(buffer, skipped, buffer, 0, length);
        }
    }
}
