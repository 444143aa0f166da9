package org.trencadis.serve;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/**
 * One safetensors file, byte for byte as the safetensors library writes it: length of the header, header, then the tensors
 * one after another, those of wide elements first.
 */
public final class SafetensorsFile implements VirtualFile {
    private final String name;
    private final Gatherer gatherer;
    private final List<ExportedTensor> tensors;
    /** Where each tensor starts in the file; one more entry for the end. */
    private final long[] starts;

    private final MemorySegment header;

    /**
     * A file of {@code tensors}.
     *
     * @param metadata text entries of the header
     */
    public SafetensorsFile(String name, Gatherer gatherer, List<ExportedTensor> tensors, Map<String, String> metadata)
            throws IOException {
        this.name = name;
        this.gatherer = gatherer;
        this.tensors = tensors.stream().sorted(SafetensorsHeader.ORDER).toList();
        this.header = MemorySegment.ofArray(SafetensorsHeader.encode(this.tensors, metadata));
        this.starts = new long[tensors.size() + 1];
        long at = header.byteSize();
        for (int i = 0; i < starts.length - 1; i++) {
            starts[i] = at;
            at += this.tensors.get(i).bytes();
        }
        starts[starts.length - 1] = at;
    }

    @Override
    public String name() {
        return name;
    }

    /** The tensors in the order in which they lie in the file. */
    public List<ExportedTensor> tensors() {
        return tensors;
    }

    @Override
    public long sizeBytes() {
        return starts[starts.length - 1];
    }

    @Override
    public void read(long offset, MemorySegment target) throws IOException {
        long end = offset + target.byteSize();
        long at = offset;
        if (at < header.byteSize()) {
            long bytes = Math.min(end, header.byteSize()) - at;
            MemorySegment.copy(header, at, target, 0, bytes);
            at += bytes;
        }
        for (int i = firstAt(at); at < end; i++) {
            long bytes = Math.min(end, starts[i + 1]) - at;
            if (bytes > 0) {
                read(tensors.get(i), at - starts[i], target.asSlice(at - offset, bytes));
                at += bytes;
            }
        }
    }

    /** The last tensor that starts at {@code offset} or before. */
    private int firstAt(long offset) {
        int low = 0;
        int high = tensors.size();
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (starts[middle] <= offset) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private void read(ExportedTensor exported, long fromByte, MemorySegment target) throws IOException {
        ElementUnit unit = ElementUnit.of(exported.dtype());
        long elements = exported.tensor().elements();
        long first = unit.elementsBefore(fromByte);
        long last = Math.min(elements, unit.elementsUpTo(fromByte + target.byteSize()));
        long skipBytes = fromByte - unit.bytesOf(first);
        if (skipBytes == 0 && exported.dtype().bytes(last - first) == target.byteSize()) {
            readElements(exported, first, last - first, target);
            return;
        }
        try (var arena = java.lang.foreign.Arena.ofConfined()) {
            MemorySegment whole = arena.allocate(exported.dtype().bytes(last - first), 64);
            readElements(exported, first, last - first, whole);
            MemorySegment.copy(whole, skipBytes, target, 0, target.byteSize());
        }
    }

    private void readElements(ExportedTensor exported, long first, long count, MemorySegment target)
            throws IOException {
        Tensor tensor = exported.tensor();
        if (exported.dtype() == tensor.dtype()) {
            gatherer.gather(tensor, new Region(Box.whole(tensor.shape()), first, count), target);
        } else {
            RoundedRead.read(gatherer, exported, first, count, target);
        }
    }
}
