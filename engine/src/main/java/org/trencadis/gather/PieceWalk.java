package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.function.LongConsumer;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;

/**
 * Walks every tensor of a checkpoint in 4 MiB pieces of canonical bytes, on several threads, hashing each piece once: the
 * one pass behind {@code import} and {@code digest}.
 *
 * <p>On the way replicas are compared with copy 0, and model tensors with the rounding of their masters. Each byte of a
 * source is read once, but for blends, whose copies are read a second time for their mean.
 */
public final class PieceWalk {
    /** What the JVM sees hashed before it compiles that, with some to spare: in so many parts. */
    private static final int PREPARED_BYTES = 64 * 1024;

    private static final int PREPARED_PARTS = 32;

    /** Threads that can hash at once: two buffers of 4 MiB each, in a process of a few hundred MiB. */
    private static final int MAX_THREADS = 12;

    private final Gatherer gatherer;
    private final int threads;
    private final CopyChoice choice;

    /** Takes each piece of what an import stores: copy 0 of a tensor, each copy of a blend, margins. Called by several threads. */
    @FunctionalInterface
    public interface PieceSink {
        /**
         * Takes one piece. A tensor or margin without elements has none.
         *
         * @param copy number of the copy; from {@code tensor.copyCount()} on a margin
         * @param piece number of the piece: bytes {@code [piece * 4 MiB, …)} of the copy's canonical bytes
         * @param bytes direct buffer, all of its remaining bytes; only valid during the call, and on its thread
         * @param sha256 of those bytes
         */
        void accept(Tensor tensor, int copy, long piece, ByteBuffer bytes, byte[] sha256) throws IOException;
    }

    public PieceWalk(Gatherer gatherer, int threads) {
        this(gatherer, threads, CopyChoice.REFUSE);
    }

    public PieceWalk(Gatherer gatherer, int threads, CopyChoice choice) {
        this.gatherer = gatherer;
        this.threads = Math.clamp(threads, 1, MAX_THREADS);
        this.choice = choice;
    }

    /** What {@code progress} will have been told in all: the bytes of every tensor and margin, and of each copy of a blend. */
    public long totalBytes() throws IOException {
        Catalog catalog = gatherer.catalog();
        long total = 0;
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            total += tensor.bytes() * (tensor.blend() ? tensor.copyCount() + 1 : 1);
            for (int margin = 0; margin < tensor.marginCount(); margin++) {
                total += tensor.dtype()
                        .bytes(gatherer.copyRegion(tensor, tensor.copyCount() + margin)
                                .count());
            }
        }
        return total;
    }

    /**
     * Walks everything once, then checks that no foreign file changed meanwhile.
     *
     * @param sink may be null
     * @param progress is told the bytes that each step finished, by several threads
     * @throws org.trencadis.index.CatalogException naming a tensor whose replicas disagree
     */
    public CatalogDigests run(PieceSink sink, LongConsumer progress) throws IOException {
        DigestCollector collector = new DigestCollector(gatherer.catalog());
        WalkQueue queue = new WalkQueue(gatherer, choice, averaged(), collector);
        Workers.run(threads, workers -> {
            try (PieceWorker worker = new PieceWorker(gatherer, sink, progress, collector)) {
                worker.work(queue, workers);
            }
        });
        gatherer.files().checkUnchanged();
        return collector.digests();
    }

    /**
     * Hashes zeros until the JVM has compiled how, in which time compiled code hashes a hundred megabytes: for a process
     * that will hash soon.
     */
    public static void prepare() {
        PieceHash hash = new PieceHash();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(PREPARED_BYTES);
            for (int part = 0; part < PREPARED_PARTS; part++) {
                hash.sha256(zeros, PREPARED_BYTES);
            }
        }
    }

    /** The tensors whose replicas disagree, where those are to be averaged. */
    private BitSet averaged() throws IOException {
        BitSet averaged = new BitSet();
        Catalog catalog = gatherer.catalog();
        ReplicaCheck check = new ReplicaCheck(gatherer);
        for (int ordinal = 0; choice.average() && ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            if (!tensor.blend() && tensor.copyCount() > 1 && check.disagrees(tensor)) {
                averaged.set(ordinal);
            }
        }
        return averaged;
    }
}
