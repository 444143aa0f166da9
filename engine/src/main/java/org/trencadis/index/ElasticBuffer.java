package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import net.openhft.chronicle.bytes.Bytes;
import org.trencadis.storage.ScratchFile;

/**
 * A buffer of fixed-width numbers that grows as it is written, past 2 GiB; then it is frozen and read at positions.
 *
 * <p>A first block lies on the heap, so that a small catalog does not wait for Chronicle to start; full blocks go to
 * Chronicle's elastic bytes, and what exceeds a bound moves to a scratch file, which is mapped for reading.
 * Little-endian. Not safe for several threads.
 */
final class ElasticBuffer implements AutoCloseable {
    /** The most that is held in anonymous memory. */
    static final long MEMORY_BYTES = 32L << 20;

    private static final int BLOCK_BYTES = 1 << 20;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final ByteBuffer block;
    private final long memoryBytes;
    /** Full blocks since the last spill; null until the first block is full. */
    private Bytes<?> full;

    private ScratchFile scratch;
    private boolean frozen;
    /** The whole buffer once it is frozen, where it is one block or a scratch file. */
    private MemorySegment whole;

    ElasticBuffer() {
        this(BLOCK_BYTES, MEMORY_BYTES);
    }

    ElasticBuffer(int blockBytes, long memoryBytes) {
        this.block = ByteBuffer.allocate(blockBytes).order(ByteOrder.LITTLE_ENDIAN);
        this.memoryBytes = memoryBytes;
    }

    long size() {
        long spilled = scratch == null ? 0 : scratch.sizeBytes();
        return spilled + (full == null ? 0 : full.writePosition()) + block.position();
    }

    void putInt(int value) throws IOException {
        makeRoom(Integer.BYTES);
        block.putInt(value);
    }

    void putLong(long value) throws IOException {
        makeRoom(Long.BYTES);
        block.putLong(value);
    }

    private void makeRoom(int bytes) throws IOException {
        if (frozen) {
            throw new IllegalStateException("the buffer is being read");
        }
        if (block.remaining() < bytes) {
            flush();
            if (full.writePosition() >= memoryBytes) {
                spill();
            }
        }
    }

    private void flush() {
        if (full == null) {
            full = Bytes.allocateElasticDirect(block.capacity());
        }
        full.write(block.array(), 0, block.position());
        block.clear();
    }

    /** Moves the full blocks to the scratch file. */
    private void spill() throws IOException {
        if (scratch == null) {
            scratch = ScratchFile.create();
        }
        byte[] step = new byte[block.capacity()];
        for (long done = 0; done < full.writePosition(); done += step.length) {
            int count = (int) Math.min(step.length, full.writePosition() - done);
            full.read(done, step, 0, count);
            scratch.append(ByteBuffer.wrap(step, 0, count));
        }
        full.clear();
    }

    /** Ends writing; to be called before the first read. */
    void freeze() throws IOException {
        if (frozen) {
            return;
        }
        frozen = true;
        if (full == null) {
            whole = MemorySegment.ofArray(block.array());
            return;
        }
        flush();
        if (scratch != null) {
            spill();
            whole = scratch.map();
        }
    }

    int getInt(long offset) {
        return whole != null ? whole.get(INT, offset) : full.readInt(offset);
    }

    long getLong(long offset) {
        return whole != null ? whole.get(LONG, offset) : full.readLong(offset);
    }

    @Override
    public void close() throws IOException {
        if (full != null) {
            full.releaseLast();
            full = null;
        }
        if (scratch != null) {
            scratch.close();
        }
    }
}
