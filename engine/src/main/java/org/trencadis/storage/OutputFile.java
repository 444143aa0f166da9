package org.trencadis.storage;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A new file that is written at positions, by several threads if need be, then forced.
 *
 * <p>Closing without {@link #commit} deletes it: what is not finished does not stay.
 */
public final class OutputFile implements AutoCloseable {
    /** Where buffers should start in memory: from there whole blocks of a large file need not be copied. */
    public static final int BLOCK_BYTES = DirectWrites.BLOCK_BYTES;

    /** Files from this size on are written to the device while they are made. */
    private static final long LARGE_BYTES = 1 << 20;

    /**
     * Bytes in one call through the page cache. For larger ones Linux looks for large pages to cache them in, which a virtual
     * machine may have to ask its host for: that took up to five times the processor time ({@code bench/writing.py}).
     */
    private static final int CALL_BYTES = 256 * 1024;

    private final Path file;
    private final FileChannel channel;
    /** Where the file is large and the system can, else null. */
    private final DirectWrites direct;
    /** Where the file is large, else null. */
    private final Writeback writeback;

    private boolean committed;

    private OutputFile(Path file, FileChannel channel, DirectWrites direct, Writeback writeback) {
        this.file = file;
        this.channel = channel;
        this.direct = direct;
        this.writeback = writeback;
    }

    /**
     * Creates {@code file}, which must not exist.
     *
     * @param expectedBytes about how long it will be: large files are written in another way
     * @throws java.nio.file.FileAlreadyExistsException when it exists
     */
    public static OutputFile create(Path file, long expectedBytes) throws IOException {
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.READ);
        return expectedBytes < LARGE_BYTES
                ? new OutputFile(file, channel, null, null)
                : new OutputFile(file, channel, DirectWrites.find(file), Writeback.find(file));
    }

    public Path file() {
        return file;
    }

    /**
     * Writes all of {@code bytes} at {@code offset}. From a direct buffer nothing is copied on the way; where it starts at a
     * whole block of 4096 bytes, in memory as in the file, much goes straight to the device.
     */
    public void write(ByteBuffer bytes, long offset) throws IOException {
        int count = bytes.remaining();
        try {
            long written = direct == null ? 0 : direct.write(bytes, offset);
            writeCached(bytes, offset + written);
        } catch (ClosedChannelException e) {
            throw e;
        } catch (IOException e) {
            // A full disk is reported without saying where.
            FileSystemException named = new FileSystemException(file.toString(), null, e.getMessage());
            named.initCause(e);
            throw named;
        }
        if (writeback != null) {
            writeback.wrote(count);
        }
    }

    private void writeCached(ByteBuffer bytes, long offset) throws IOException {
        int end = bytes.limit();
        while (bytes.position() < end) {
            bytes.limit(Math.min(end, bytes.position() + CALL_BYTES));
            offset += channel.write(bytes, offset);
        }
    }

    /**
     * Cuts the file to {@code bytes} and closes it without forcing it: for one of many files that a {@link NewTree}
     * makes durable together.
     */
    public void finish(long bytes) throws IOException {
        if (channel.size() != bytes) {
            channel.truncate(bytes);
        }
        committed = true;
        closeChannels();
    }

    /**
     * Reads back what was written: all remaining room of {@code target} is filled.
     *
     * @throws java.io.EOFException when the file ends before that
     */
    public void read(ByteBuffer target, long offset) throws IOException {
        while (target.hasRemaining()) {
            int count = channel.read(target, offset);
            if (count < 0) {
                throw new EOFException(file + ": ends at " + offset);
            }
            offset += count;
        }
    }

    /** Cuts the file to {@code bytes}, forces data and length to the device and closes it. */
    public void commit(long bytes) throws IOException {
        channel.truncate(bytes);
        channel.force(true);
        committed = true;
        closeChannels();
    }

    @Override
    public void close() throws IOException {
        if (!committed) {
            try {
                closeChannels();
            } finally {
                Files.deleteIfExists(file);
            }
        }
    }

    private void closeChannels() throws IOException {
        try (channel;
                direct) {
            if (writeback != null) {
                writeback.close();
            }
        }
    }
}
