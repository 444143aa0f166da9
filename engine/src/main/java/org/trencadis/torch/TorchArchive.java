package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;

/**
 * The file that {@code torch.save} would write, known to the last byte before a tensor is read: every entry is stored, so
 * all offsets follow from the lengths, and any range can be made on its own.
 *
 * <p>The checksums of the storages are zero when a range is read, as nothing can know them without reading everything, and
 * no version of torch looks at them. {@link Sequential} fills them in.
 */
public final class TorchArchive {
    private final Pickler.Storage[] storages;
    /** Where each storage starts in the file. */
    private final long[] starts;
    /** Everything that is not a storage, in file order. */
    private final byte[] fixed;
    /** How many fixed bytes come before each storage. */
    private final int[] fixedBefore;
    /** Positions in {@code fixed} of the two checksums of each storage. */
    private final int[] checksumAt;

    private final long sizeBytes;

    private TorchArchive(ArchiveLayout layout, List<Pickler.Storage> storages) {
        this.storages = storages.toArray(Pickler.Storage[]::new);
        this.starts = layout.starts;
        this.fixed = layout.fixed();
        this.fixedBefore = layout.fixedBefore;
        this.checksumAt = layout.checksumAt;
        this.sizeBytes = layout.sizeBytes();
    }

    /**
     * Lays out the archive of a finished value.
     *
     * @param name of the folder inside the archive; torch takes the file's name without its ending
     */
    public static TorchArchive plan(String name, Pickler pickler) {
        return new TorchArchive(new ArchiveLayout(name, pickler.finish(), pickler.storages()), pickler.storages());
    }

    public long sizeBytes() {
        return sizeBytes;
    }

    /** Fills {@code target} with the bytes from {@code offset} on. Safe for several threads. */
    public void read(long offset, MemorySegment target) throws IOException {
        read(offset, target, fixed, null);
    }

    private void read(long offset, MemorySegment target, byte[] fixedBytes, Sequential pass) throws IOException {
        long end = offset + target.byteSize();
        if (offset < 0 || end > sizeBytes) {
            throw new IndexOutOfBoundsException("[" + offset + ", " + end + ") of " + sizeBytes + " bytes");
        }
        int next = firstEndingAfter(offset);
        long at = offset;
        while (at < end) {
            long start = next < starts.length ? starts[next] : sizeBytes;
            if (at < start) {
                int bytes = (int) (Math.min(start, end) - at);
                int from = (int) (fixedBeforeOf(next) - (start - at));
                MemorySegment.copy(fixedBytes, from, target, ValueLayout.JAVA_BYTE, at - offset, bytes);
                at += bytes;
            } else {
                long bytes = Math.min(start + storages[next].bytes(), end) - at;
                if (bytes > 0) {
                    MemorySegment part = target.asSlice(at - offset, bytes);
                    storages[next].source().read(at - start, part);
                    if (pass != null) {
                        pass.sum(next, at - start, part);
                    }
                }
                at += bytes;
                next++;
            }
        }
    }

    private int fixedBeforeOf(int storage) {
        return storage < starts.length ? fixedBefore[storage] : fixed.length;
    }

    /** The first storage that ends after {@code offset}; those without bytes are passed over. */
    private int firstEndingAfter(long offset) {
        int found = Arrays.binarySearch(starts, offset);
        int at = found >= 0 ? found : -found - 1;
        return at > 0 && starts[at - 1] + storages[at - 1].bytes() > offset ? at - 1 : at;
    }

    /** Reads the archive once from front to back and puts the checksums in. For one thread. */
    public Sequential sequential() {
        return new Sequential();
    }

    /** One pass over the archive. */
    public final class Sequential {
        private final byte[] filled = fixed.clone();
        private final CRC32 crc = new CRC32();
        private long at;

        private Sequential() {}

        /** Bytes that are still to be read. */
        public long remainingBytes() {
            return sizeBytes - at;
        }

        /** Fills {@code target} with the next bytes. */
        public void next(MemorySegment target) throws IOException {
            read(at, target, filled, this);
            at += target.byteSize();
        }

        private void sum(int storage, long offset, MemorySegment part) {
            if (offset == 0) {
                crc.reset();
            }
            crc.update(part.asByteBuffer());
            if (offset + part.byteSize() == storages[storage].bytes()) {
                putChecksum(checksumAt[2 * storage]);
                putChecksum(checksumAt[2 * storage + 1]);
            }
        }

        private void putChecksum(int position) {
            ByteBuffer.wrap(filled).order(java.nio.ByteOrder.LITTLE_ENDIAN).putInt(position, (int) crc.getValue());
        }
    }
}
