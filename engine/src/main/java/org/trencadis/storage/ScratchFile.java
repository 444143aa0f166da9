package org.trencadis.storage;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Room for working data beyond what should be anonymous memory: a file without a name in the system's temporary
 * directory, gone with the process however that ends.
 *
 * <p>Not safe for several threads.
 */
public final class ScratchFile implements AutoCloseable {
    private static final int ZERO_BYTES = 1 << 20;

    private final FileChannel channel;
    private final Arena arena = Arena.ofShared();
    private long appendedBytes;

    private ScratchFile(FileChannel channel) {
        this.channel = channel;
    }

    /** An empty file for {@link #append}. */
    public static ScratchFile create() throws IOException {
        return create(0);
    }

    /**
     * A file of {@code zeroBytes} zeros whose blocks exist, so that writing to its mapping cannot meet a full disk.
     *
     * @throws IOException when the disk has no room for them
     */
    public static ScratchFile create(long zeroBytes) throws IOException {
        Path file = Files.createTempFile("trencadis", ".scratch");
        boolean reserved = NativeCalls.reserve(file, zeroBytes);
        // The name goes as the file is opened; only a kill between these two lines leaves an empty file.
        ScratchFile scratch = new ScratchFile(FileChannel.open(
                file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.DELETE_ON_CLOSE));
        try {
            if (!reserved) {
                scratch.appendZeros(zeroBytes);
            }
            scratch.appendedBytes = zeroBytes;
            return scratch;
        } catch (IOException | RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    private void appendZeros(long bytes) throws IOException {
        ByteBuffer zeros = ByteBuffer.allocateDirect(ZERO_BYTES);
        for (long left = bytes; left > 0; left -= zeros.limit()) {
            zeros.clear().limit((int) Math.min(left, ZERO_BYTES));
            append(zeros);
        }
    }

    /** Bytes in the file. */
    public long sizeBytes() {
        return appendedBytes;
    }

    /** Writes all of {@code bytes} behind what is there. */
    public void append(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            appendedBytes += channel.write(bytes, appendedBytes);
        }
    }

    /** All bytes that are there now, for reading and writing; valid until {@link #close}. */
    public MemorySegment map() throws IOException {
        return channel.map(MapMode.READ_WRITE, 0, appendedBytes, arena);
    }

    @Override
    public void close() throws IOException {
        arena.close();
        channel.close();
    }
}
