package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.trencadis.index.Extent;
import org.trencadis.storage.ScratchFile;

/**
 * Decoders of streams, kept where they came to, so that pieces of one stream read one after the other decode it once. A
 * few streams whose elements are wanted in another order are decoded to scratch files. Safe for several threads.
 */
final class StreamPool implements AutoCloseable {
    /** Decoders that nobody uses; each takes a window of some MiB. */
    private static final int MAX_IDLE = 4;

    private static final int MAX_SPOOLED = 4;
    private static final int SPOOL_BYTES = 1 << 20;

    /** A stream decoded to a file. */
    private static final class Spool {
        final Extent extent;
        final ScratchFile file;
        final MemorySegment bytes;
        int readers;

        Spool(Extent extent, ScratchFile file) throws IOException {
            this.extent = extent;
            this.file = file;
            this.bytes = file.map();
        }
    }

    /** Idle decoders, the one that was used last in front. */
    private final ArrayDeque<StreamDecoder> idle = new ArrayDeque<>();

    private final List<Spool> spools = new ArrayList<>();
    private boolean closed;

    /** Copies decoded bytes of the stream that {@code extent} is. */
    void read(OpenFile file, Extent extent, long from, MemorySegment target, long targetOffset, long bytes)
            throws IOException {
        StreamDecoder decoder = take(extent, from);
        try {
            decoder.read(file, extent, from, target, targetOffset, bytes);
        } finally {
            giveBack(decoder);
        }
    }

    private synchronized StreamDecoder take(Extent extent, long from) {
        StreamDecoder best = null;
        for (StreamDecoder decoder : idle) {
            boolean isBetter = best == null || decoder.position() > best.position();
            if (decoder.canReach(extent, from) && isBetter) {
                best = decoder;
            }
        }
        if (best == null) {
            best = idle.size() == MAX_IDLE ? idle.peekLast() : null;
        }
        if (best == null) {
            return new StreamDecoder();
        }
        idle.remove(best);
        return best;
    }

    private synchronized void giveBack(StreamDecoder decoder) {
        if (closed) {
            decoder.close();
            return;
        }
        idle.addFirst(decoder);
        if (idle.size() > MAX_IDLE) {
            idle.removeLast().close();
        }
    }

    /** What is done with a whole decoded stream. */
    @FunctionalInterface
    interface SpoolReader {
        void read(MemorySegment decoded) throws IOException;
    }

    /** Hands out all decoded bytes of a stream up to {@code endBytes}, on the disk. */
    void readAnywhere(OpenFile file, Extent extent, long endBytes, SpoolReader reader) throws IOException {
        Spool spool = spool(file, extent, endBytes);
        try {
            reader.read(spool.bytes);
        } finally {
            release(spool);
        }
    }

    private synchronized Spool spool(OpenFile file, Extent extent, long endBytes) throws IOException {
        for (Spool known : spools) {
            boolean same = known.extent.file() == extent.file() && known.extent.offset() == extent.offset();
            if (same && known.bytes.byteSize() >= endBytes) {
                known.readers++;
                return known;
            }
        }
        closeOldest();
        ScratchFile scratch = ScratchFile.create();
        try {
            decode(file, extent, endBytes, scratch);
            Spool spool = new Spool(extent, scratch);
            spool.readers = 1;
            spools.add(spool);
            return spool;
        } catch (IOException | RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    private static void decode(OpenFile file, Extent extent, long endBytes, ScratchFile scratch) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(SPOOL_BYTES);
        try (StreamDecoder decoder = new StreamDecoder()) {
            for (long at = 0; at < endBytes; at += buffer.limit()) {
                buffer.clear().limit((int) Math.min(SPOOL_BYTES, endBytes - at));
                decoder.read(file, extent, at, MemorySegment.ofBuffer(buffer), 0, buffer.limit());
                scratch.append(buffer);
            }
        }
    }

    private void closeOldest() throws IOException {
        Iterator<Spool> oldest = spools.iterator();
        while (spools.size() >= MAX_SPOOLED && oldest.hasNext()) {
            Spool spool = oldest.next();
            if (spool.readers == 0) {
                oldest.remove();
                spool.file.close();
            }
        }
    }

    private synchronized void release(Spool spool) throws IOException {
        spool.readers--;
        if (closed && spool.readers == 0) {
            spool.file.close();
        }
    }

    @Override
    public synchronized void close() throws IOException {
        closed = true;
        idle.forEach(StreamDecoder::close);
        idle.clear();
        for (Spool spool : spools) {
            if (spool.readers == 0) {
                spool.file.close();
            }
        }
        spools.clear();
    }
}
