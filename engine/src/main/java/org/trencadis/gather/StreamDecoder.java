package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.trencadis.codec.ZstdStream;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;
import org.trencadis.index.Extent;

/** Decodes one stream of a foreign file at a time, from front to back, and remembers how far it came. */
final class StreamDecoder implements AutoCloseable {
    private final ZstdStream stream = new ZstdStream();
    private Extent extent;
    private OpenFile file;
    private Place place;
    /** Stored bytes that were fetched, decoded bytes that were handed out or passed over. */
    private long fetched;

    private long position;
    private boolean failed;

    /** Whether this is a decoder of {@code wanted} that did not pass {@code from} yet. */
    boolean canReach(Extent wanted, long from) {
        return !failed && isOf(wanted) && position <= from;
    }

    private boolean isOf(Extent wanted) {
        return extent != null && extent.file() == wanted.file() && extent.offset() == wanted.offset();
    }

    long position() {
        return position;
    }

    /**
     * Copies decoded bytes.
     *
     * @param of the whole stored stream
     * @param from position in the decoded stream; going back begins anew
     */
    void read(OpenFile in, Extent of, long from, MemorySegment target, long targetOffset, long bytes)
            throws IOException {
        if (!canReach(of, from)) {
            extent = of;
            place = in.place("zstd stream", of.offset());
            fetched = 0;
            position = 0;
            stream.begin(this::fetch, place);
        }
        file = in;
        failed = true;
        position += stream.skip(from - position);
        long held = position < from ? 0 : stream.read(target, targetOffset, bytes);
        position += held;
        file = null;
        if (held < bytes) {
            throw new FormatException.Truncated(
                    "a stream holds the elements of its fragment", "bytes to " + (from + bytes), position, place);
        }
        failed = false;
    }

    private void fetch(ByteBuffer target) throws IOException {
        int bytes = (int) Math.min(target.remaining(), extent.lengthBytes() - fetched);
        file.read(extent, fetched, MemorySegment.ofBuffer(target), 0, bytes);
        target.position(target.position() + bytes);
        fetched += bytes;
    }

    @Override
    public void close() {
        stream.close();
    }
}
