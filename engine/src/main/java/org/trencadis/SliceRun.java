package org.trencadis;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Tensor;
import org.trencadis.storage.OutputFile;
import org.trencadis.storage.Staging;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/** Streams a box of a tensor in pieces: however large it is, one piece is in memory. */
final class SliceRun {
    private static final int COPY_BYTES = 1 << 16;

    private final Gatherer gatherer;

    SliceRun(Gatherer gatherer) {
        this.gatherer = gatherer;
    }

    void write(Tensor tensor, Box box, OutputStream out) throws IOException {
        byte[] copy = new byte[COPY_BYTES];
        forEachPiece(tensor, box, piece -> {
            for (long done = 0; done < piece.byteSize(); done += copy.length) {
                int bytes = (int) Math.min(copy.length, piece.byteSize() - done);
                MemorySegment.copy(piece, ValueLayout.JAVA_BYTE, done, copy, 0, bytes);
                out.write(copy, 0, bytes);
            }
        });
    }

    long write(Tensor tensor, Box box, byte[] head, Path file, FileExport.Check check) throws IOException {
        long expected = head.length + tensor.dtype().bytes(box.elements());
        long[] at = {head.length};
        try (Staging staging = FileExport.stage(file)) {
            try (OutputFile out = OutputFile.create(staging.path(), expected)) {
                out.write(ByteBuffer.wrap(head), 0);
                forEachPiece(tensor, box, piece -> {
                    out.write(piece.asByteBuffer(), at[0]);
                    at[0] += piece.byteSize();
                });
                out.commit(expected);
            }
            check.run();
            staging.publishFile();
        }
        return expected;
    }

    /** Receives the canonical bytes of a piece, which are valid during the call. */
    @FunctionalInterface
    private interface Sink {
        void accept(MemorySegment piece) throws IOException;
    }

    private void forEachPiece(Tensor tensor, Box box, Sink sink) throws IOException {
        long elements = box.elements();
        long step = Pieces.elements(tensor);
        try (PieceBuffer buffer = new PieceBuffer()) {
            for (long first = 0; first < elements; first += step) {
                long count = Math.min(step, elements - first);
                MemorySegment piece = buffer.bytes().asSlice(0, tensor.dtype().bytes(count));
                gatherer.gather(tensor, new Region(box, first, count), piece);
                sink.accept(piece);
            }
        }
    }
}
