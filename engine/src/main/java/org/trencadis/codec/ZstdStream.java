package org.trencadis.codec;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;

/**
 * Decodes Zstandard frames of any length that follow each other, from front to back, in bounded memory: two buffers and
 * the window, at most {@link #MAX_WINDOW_BYTES}. For one thread.
 */
public final class ZstdStream implements AutoCloseable {
    /** A window that is larger is refused; the level 19 needs 8 MiB. */
    public static final long MAX_WINDOW_BYTES = 1L << 25;

    private static final int MAX_WINDOW_LOG = 25;
    private static final int BUFFER_BYTES = 64 * 1024;

    /** Where stored bytes come from. */
    @FunctionalInterface
    public interface Source {
        /** Puts the next stored bytes into {@code target}, at least one; none at the end. */
        void fill(ByteBuffer target) throws IOException;
    }

    private final ZstdDecompressCtx context = new ZstdDecompressCtx();
    private final ByteBuffer stored = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private final ByteBuffer decoded = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private Source source;
    private Place place;
    /** Whether the last frame is complete; so before the first. */
    private boolean complete;

    private boolean sourceEnded;

    /** Begins a stream; what was decoded before is forgotten. {@code where} it stands is for messages. */
    public void begin(Source stream, Place where) {
        source = stream;
        place = where;
        context.reset();
        context.setLongMax(MAX_WINDOW_LOG);
        stored.clear().limit(0);
        decoded.clear().limit(0);
        complete = true;
        sourceEnded = false;
    }

    /**
     * Decodes up to {@code bytes} bytes to {@code target}; fewer only at the end of the stream.
     *
     * @throws FormatException when the stored bytes are no frames, or end inside one
     */
    public long read(MemorySegment target, long offset, long bytes) throws IOException {
        long done = 0;
        while (done < bytes && (decoded.hasRemaining() || decode())) {
            int part = (int) Math.min(bytes - done, decoded.remaining());
            MemorySegment.copy(MemorySegment.ofBuffer(decoded), 0, target, offset + done, part);
            decoded.position(decoded.position() + part);
            done += part;
        }
        return done;
    }

    /** Decodes {@code bytes} bytes to nowhere; fewer only at the end of the stream. */
    public long skip(long bytes) throws IOException {
        long done = 0;
        while (done < bytes && (decoded.hasRemaining() || decode())) {
            int part = (int) Math.min(bytes - done, decoded.remaining());
            decoded.position(decoded.position() + part);
            done += part;
        }
        return done;
    }

    /** Fills the empty buffer of decoded bytes; false at the end. */
    private boolean decode() throws IOException {
        decoded.clear();
        while (decoded.position() == 0) {
            if (!stored.hasRemaining() && !sourceEnded) {
                stored.clear();
                source.fill(stored);
                stored.flip();
                sourceEnded = !stored.hasRemaining();
            }
            if (sourceEnded && complete) {
                break;
            }
            if (!step() && (sourceEnded || stored.hasRemaining())) {
                throw new FormatException.Truncated("a stream ends with its frame", "more bytes", "none", place);
            }
        }
        decoded.flip();
        return decoded.hasRemaining();
    }

    /** Whether anything came of the bytes that are there. */
    private boolean step() throws IOException {
        int before = stored.remaining();
        try {
            complete = context.decompressDirectByteBufferStream(decoded, stored);
        } catch (ZstdException e) {
            throw new FormatException.Corrupt("stored bytes are Zstandard frames", "frames", e.getMessage(), place);
        }
        return stored.remaining() < before || decoded.position() > 0;
    }

    @Override
    public void close() {
        context.close();
    }
}
