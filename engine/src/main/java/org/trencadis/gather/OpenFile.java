package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicInteger;
import org.trencadis.format.FormatException.Place;
import org.trencadis.index.Extent;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.MappedReads;
import org.trencadis.storage.StorageException;

/** One file behind a catalog, a foreign original or a shard, while it is open; counts who reads it. */
final class OpenFile {
    private static final int CLOSED = -1;

    private final FileLease foreign;
    private final ShardFile shard;
    private final AtomicInteger readers = new AtomicInteger(1);
    private final AtomicInteger scattered = new AtomicInteger();

    OpenFile(FileLease foreign, ShardFile shard) {
        this.foreign = foreign;
        this.shard = shard;
    }

    /** Counts one more reader, or returns false where the file was closed. */
    boolean tryPin() {
        int seen = readers.get();
        while (seen != CLOSED) {
            if (readers.compareAndSet(seen, seen + 1)) {
                return true;
            }
            seen = readers.get();
        }
        return false;
    }

    void unpin() {
        readers.decrementAndGet();
    }

    /** Closes the file where nobody reads it. */
    boolean tryClose() throws IOException {
        if (!readers.compareAndSet(0, CLOSED)) {
            return false;
        }
        close();
        return true;
    }

    /** Closes the file whoever reads it. */
    void close() throws IOException {
        readers.set(CLOSED);
        if (foreign != null) {
            foreign.close();
        } else {
            shard.close();
        }
    }

    boolean isShard() {
        return shard != null;
    }

    /** A position of a foreign file, for messages. */
    Place place(String section, long offset) {
        return new Place(
                foreign == null ? shard.file().toString() : foreign.file().toString(), section, offset);
    }

    /** Copies decoded bytes; {@code fromBytes} counts from the start of {@code extent}. */
    void read(Extent extent, long fromBytes, MemorySegment target, long targetOffset, long bytes) throws IOException {
        if (foreign != null) {
            foreign.read(Math.addExact(extent.offset(), fromBytes), target, targetOffset, bytes);
        } else {
            shard.read(extent.firstChunk(), extent.skippedBytes() + fromBytes, target, targetOffset, bytes);
        }
    }

    /** Counts one more, or less, of those that read a foreign file in short runs far from each other. */
    void expectScattered(boolean more) {
        int readers = more ? scattered.incrementAndGet() : scattered.decrementAndGet();
        if (readers == (more ? 1 : 0)) {
            foreign.expectScattered(more);
        }
    }

    /**
     * Copies {@code units} units of {@code unitBytes}, {@code stepBytes} from each other, straight from the mapping.
     *
     * @return false where the bytes have to be decoded first
     */
    boolean tryReadStrided(
            Extent extent,
            long fromBytes,
            long stepBytes,
            long units,
            int unitBytes,
            MemorySegment target,
            long targetOffset)
            throws IOException {
        long reach = Math.multiplyExact(units - 1, stepBytes);
        long lowest = Math.addExact(fromBytes, Math.min(0, reach));
        MemorySegment view = findView(extent, lowest, Math.addExact(Math.abs(reach), unitBytes));
        if (view == null) {
            return false;
        }
        return MappedReads.read(foreign != null ? foreign.file() : shard.file(), () -> {
            copyStrided(view, fromBytes - lowest, stepBytes, units, unitBytes, target, targetOffset);
            return true;
        });
    }

    /** The same for units whose bytes may have to be decoded. */
    void readStrided(
            Extent extent,
            long fromBytes,
            long stepBytes,
            long units,
            int unitBytes,
            MemorySegment target,
            long targetOffset)
            throws IOException {
        if (!tryReadStrided(extent, fromBytes, stepBytes, units, unitBytes, target, targetOffset)) {
            long from = extent.skippedBytes() + fromBytes;
            shard.readStrided(extent.firstChunk(), from, stepBytes, units, unitBytes, target, targetOffset);
        }
    }

    /** Copies units that lie apart in {@code source} to where they lie together. */
    static void copyStrided(
            MemorySegment source, long from, long step, long units, int unitBytes, MemorySegment target, long to) {
        switch (unitBytes) {
            case 1 -> {
                for (long i = 0; i < units; i++) {
                    target.set(ValueLayout.JAVA_BYTE, to + i, source.get(ValueLayout.JAVA_BYTE, from + i * step));
                }
            }
            case 2 -> {
                for (long i = 0; i < units; i++) {
                    target.set(
                            ValueLayout.JAVA_SHORT_UNALIGNED,
                            to + 2 * i,
                            source.get(ValueLayout.JAVA_SHORT_UNALIGNED, from + i * step));
                }
            }
            case 4 -> {
                for (long i = 0; i < units; i++) {
                    target.set(
                            ValueLayout.JAVA_INT_UNALIGNED,
                            to + 4 * i,
                            source.get(ValueLayout.JAVA_INT_UNALIGNED, from + i * step));
                }
            }
            case 8 -> {
                for (long i = 0; i < units; i++) {
                    target.set(
                            ValueLayout.JAVA_LONG_UNALIGNED,
                            to + 8 * i,
                            source.get(ValueLayout.JAVA_LONG_UNALIGNED, from + i * step));
                }
            }
            default -> {
                for (long i = 0; i < units; i++) {
                    MemorySegment.copy(source, from + i * step, target, to + i * unitBytes, unitBytes);
                }
            }
        }
    }

    /** Decoded bytes as a read-only part of a mapping, or null where they have to be decoded. */
    MemorySegment findView(Extent extent, long fromBytes, long bytes) throws IOException {
        if (shard != null) {
            return shard.findView(extent.firstChunk(), extent.skippedBytes() + fromBytes, bytes);
        }
        long at = Math.addExact(extent.offset(), fromBytes);
        if (at < 0 || bytes > foreign.sizeBytes() - at) {
            throw new StorageException(
                    foreign.file(),
                    "bytes " + at + " + " + bytes + " are not in the file of " + foreign.sizeBytes() + " bytes");
        }
        return foreign.segment().asSlice(at, bytes);
    }
}
