package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.torch.StorageBytes;

/**
 * A whole tensor as the storage of a torch file; any range of bytes of it is gathered when it is read.
 *
 * @param isCast whether its elements are read as float32
 */
record TensorStorage(Gatherer gatherer, Tensor tensor, boolean isCast) implements StorageBytes {
    /** The element type in the file. */
    Dtype dtype() {
        return isCast ? Dtype.FLOAT32 : tensor.dtype();
    }

    /** Bytes in the file. */
    long bytes() {
        return dtype().bytes(tensor.elements());
    }

    @Override
    public void read(long offset, MemorySegment target) throws IOException {
        ElementUnit unit = ElementUnit.of(dtype());
        long first = unit.elementsBefore(offset);
        long last = Math.min(tensor.elements(), unit.elementsUpTo(offset + target.byteSize()));
        long skipBytes = offset - unit.bytesOf(first);
        if (skipBytes == 0 && dtype().bytes(last - first) == target.byteSize()) {
            readElements(first, last - first, target);
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment whole = arena.allocate(dtype().bytes(last - first), 64);
            readElements(first, last - first, whole);
            MemorySegment.copy(whole, skipBytes, target, 0, target.byteSize());
        }
    }

    private void readElements(long first, long count, MemorySegment target) throws IOException {
        if (isCast) {
            CastRead.read(gatherer, tensor, first, target);
        } else {
            gatherer.gather(tensor, Region.whole(tensor.shape()).part(first, count), target);
        }
    }
}
