package org.trencadis.source.megatron;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.torch.TorchTensor;

/** Compares tensors of several files, so that what nobody says is cut is known to be the same on all ranks. */
final class SameBytes {
    private static final int COMPARED_BYTES = 64 * 1024;

    private final FileCache cache;

    SameBytes(FileCache cache) {
        this.cache = cache;
    }

    /** Whether two tensors are of one type and shape, and have the same bytes in row-major order. */
    boolean areSame(TorchTensor left, Path leftFile, TorchTensor right, Path rightFile) throws IOException {
        boolean alike = left.dtype() == right.dtype()
                && Arrays.equals(left.shape(), right.shape())
                && left.isRowMajor()
                && right.isRowMajor()
                && left.bigEndian() == right.bigEndian();
        return alike && sameBytes(left, leftFile, right, rightFile);
    }

    private boolean sameBytes(TorchTensor left, Path leftFile, TorchTensor right, Path rightFile) throws IOException {
        byte[] here = new byte[COMPARED_BYTES];
        byte[] there = new byte[COMPARED_BYTES];
        try (FileLease first = cache.lease(leftFile);
                FileLease second = cache.lease(rightFile)) {
            for (long done = 0; done < left.sizeBytes(); done += COMPARED_BYTES) {
                int bytes = (int) Math.min(COMPARED_BYTES, left.sizeBytes() - done);
                first.read(left.offsetBytes() + done, MemorySegment.ofArray(here), 0, bytes);
                second.read(right.offsetBytes() + done, MemorySegment.ofArray(there), 0, bytes);
                if (!Arrays.equals(here, 0, bytes, there, 0, bytes)) {
                    return false;
                }
            }
        }
        return true;
    }
}
