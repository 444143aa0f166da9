package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.trencadis.gather.Convert;
import org.trencadis.gather.Gatherer;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/** Reads elements of a tensor and rounds them to another float type on the way, through a small buffer. */
final class RoundedRead {
    private static final long STEP_ELEMENTS = 1 << 17;

    private RoundedRead() {}

    /** Writes elements {@code [first, first + count)} of the tensor, in its exported type, to {@code target}. */
    static void read(Gatherer gatherer, ExportedTensor exported, long first, long count, MemorySegment target)
            throws IOException {
        int fromBytes = exported.tensor().dtype().bytes();
        int toBytes = exported.dtype().bytes();
        Box box = Box.whole(exported.tensor().shape());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment source = arena.allocate(Math.min(count, STEP_ELEMENTS) * fromBytes, 64);
            for (long done = 0; done < count; done += STEP_ELEMENTS) {
                long step = Math.min(STEP_ELEMENTS, count - done);
                MemorySegment part = source.asSlice(0, step * fromBytes);
                gatherer.gather(exported.tensor(), new Region(box, first + done, step), part);
                Convert.convert(exported.tensor().dtype(), part, 0, exported.dtype(), target, done * toBytes, step);
            }
        }
    }
}
