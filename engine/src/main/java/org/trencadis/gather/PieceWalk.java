package org.trencadis.gather;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;
import org.trencadis.index.Tensor;

/**
 * Walks every tensor of a checkpoint in 4 MiB pieces of canonical bytes, on several threads, hashing each piece once: the
 * one pass behind {@code import} and {@code digest}. Replicas are compared and derived tensors recognised on the way.
 */
public final class PieceWalk {
    /** Takes each piece of what an import stores: copy 0 of a tensor, each copy of a blend, margins. Called by several threads. */
    @FunctionalInterface
    public interface PieceSink {
        /**
         * @param copy number of the copy; from {@code tensor.copyCount()} on a margin
         * @param piece number of the piece: bytes {@code [piece * 4 MiB, …)} of the copy's canonical bytes
         * @param bytes direct buffer, all of its remaining bytes; only valid during the call
         * @param sha256 of those bytes
         */
        void accept(Tensor tensor, int copy, long piece, ByteBuffer bytes, byte[] sha256) throws IOException;
    }

    public PieceWalk(Gatherer gatherer, int threads) {
        throw new UnsupportedOperationException("stub");
    }

    /**
     * Walks everything once.
     *
     * @param sink may be null
     * @param progress is told the bytes that each step finished
     */
    public CatalogDigests run(PieceSink sink, LongConsumer progress) throws IOException {
        throw new UnsupportedOperationException("stub");
    }
}
