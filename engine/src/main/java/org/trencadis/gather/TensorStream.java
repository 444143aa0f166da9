package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/** Reads tensors from their first byte to their last in blocks, one tensor a thread. */
final class TensorStream {
    static final int BLOCK_BYTES = 256 * 1024;

    private TensorStream() {}

    /** Elements of a block: whole bytes of them. */
    static int blockElements(Tensor tensor) {
        return (int) (BLOCK_BYTES * 8L / tensor.dtype().bits() / 8 * 8);
    }

    /** Receives blocks. */
    @FunctionalInterface
    interface Sink {
        /** Takes {@code elements} elements from the start of the buffer; the first is element {@code from}. */
        void accept(long from, int elements) throws IOException;
    }

    /**
     * Reads what {@code source} gathers of {@code whole} into {@code buffer}, block by block.
     *
     * @param progress is told the bytes of each block that is done
     */
    static void read(
            Tensor tensor,
            Region whole,
            PieceBytes.Source source,
            MemorySegment buffer,
            LongConsumer progress,
            Sink sink)
            throws IOException {
        int block = blockElements(tensor);
        for (long from = 0; from < whole.count(); from += block) {
            int elements = (int) Math.min(block, whole.count() - from);
            source.gather(whole.part(from, elements), buffer);
            sink.accept(from, elements);
            progress.accept(tensor.dtype().bytes(elements));
        }
    }

    /** What is done with one tensor of a list. */
    @FunctionalInterface
    interface Task {
        void run(int position, byte[] buffer) throws IOException;
    }

    /**
     * Runs a task for each position of a list on several threads, the largest first, so that none is left alone with one
     * in the end.
     *
     * @param bytes the size of the item at each position
     */
    static void forEach(long[] bytes, int threads, Task task) throws IOException {
        int[] order = IntStream.range(0, bytes.length)
                .boxed()
                .sorted((left, right) -> Long.compare(bytes[right], bytes[left]))
                .mapToInt(Integer::intValue)
                .toArray();
        AtomicInteger next = new AtomicInteger();
        Workers.run(Math.min(threads, bytes.length), workers -> {
            byte[] buffer = new byte[BLOCK_BYTES];
            int at = next.getAndIncrement();
            while (at < order.length && !workers.isStopped()) {
                task.run(order[at], buffer);
                at = next.getAndIncrement();
            }
        });
    }
}
