package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import net.openhft.chronicle.bytes.Bytes;
import org.trencadis.storage.ScratchFile;

/**
 * A buffer of fixed-width numbers outside the heap that grows as it is written, past 2 GiB; then it is read at positions.
 *
 * <p>What exceeds a bound moves to a scratch file, which is mapped once reading starts. Nothing can be written after the
 * first read. Little-endian on every machine that Chronicle's native bytes support. Not safe for several threads.
 */
final class ElasticBuffer implements AutoCloseable {
    /** The most that is held in anonymous memory. */
    static final long MEMORY_BYTES = 32L << 20;

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int STEP_BYTES = 1 << 20;

    private final Bytes<?> bytes = Bytes.allocateElasticDirect(4096);
    private final long memoryBytes;
    private ScratchFile scratch;
    /** The whole buffer once it is read from the scratch file. */
    private MemorySegment mapped;

    ElasticBuffer() {
        this(MEMORY_BYTES);
    }

    ElasticBuffer(long memoryBytes) {
        this.memoryBytes = memoryBytes;
    }

    long size() {
        return bytes.writePosition() + (scratch == null ? 0 : scratch.sizeBytes());
    }

    void putInt(int value) throws IOException {
        makeRoom();
        bytes.writeInt(value);
    }

    void putLong(long value) throws IOException {
        makeRoom();
        bytes.writeLong(value);
    }

    private void makeRoom() throws IOException {
        if (mapped != null) {
            throw new IllegalStateException("the buffer is being read");
        }
        if (bytes.writePosition() >= memoryBytes) {
            spill();
        }
    }

    private void spill() throws IOException {
        if (scratch == null) {
            scratch = ScratchFile.create();
        }
        byte[] step = new byte[STEP_BYTES];
        for (long done = 0; done < bytes.writePosition(); done += STEP_BYTES) {
            int count = (int) Math.min(STEP_BYTES, bytes.writePosition() - done);
            bytes.read(done, step, 0, count);
            scratch.append(ByteBuffer.wrap(step, 0, count));
        }
        bytes.clear();
    }

    /** Ends writing; to be called before the first read. */
    void freeze() throws IOException {
        if (scratch != null && mapped == null) {
            spill();
            mapped = scratch.map();
        }
    }

    int getInt(long offset) {
        return mapped != null ? mapped.get(INT, offset) : bytes.readInt(offset);
    }

    long getLong(long offset) {
        return mapped != null ? mapped.get(LONG, offset) : bytes.readLong(offset);
    }

    @Override
    public void close() throws IOException {
        bytes.releaseLast();
        if (scratch != null) {
            scratch.close();
        }
    }
}
