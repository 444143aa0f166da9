package org.trencadis.storage;

import com.sun.nio.file.ExtendedOpenOption;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes parts of a file past the page cache. What is too short or not aligned is left to another channel; both may write
 * to one file as long as they do not write to one block.
 */
final class DirectChannel implements AutoCloseable {
    private static final int LEAST_BYTES = 1 << 18;
    private static final long MAX_BLOCK_BYTES = 1 << 16;

    private final FileChannel channel;
    private final int blockBytes;
    /** Some file systems open a file in this way and then refuse every write. */
    private volatile boolean isRefused;

    private DirectChannel(FileChannel channel, int blockBytes) {
        this.channel = channel;
        this.blockBytes = blockBytes;
    }

    /** A channel to an existing file, or null where the system has none. */
    static DirectChannel find(Path file) {
        try {
            long blockBytes = Files.getFileStore(file).getBlockSize();
            if (blockBytes <= 0 || blockBytes > MAX_BLOCK_BYTES) {
                return null;
            }
            FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE, ExtendedOpenOption.DIRECT);
            return new DirectChannel(channel, (int) blockBytes);
        } catch (IOException | UnsupportedOperationException e) {
            // The other channel does without.
            return null;
        }
    }

    /** Writes what it can of {@code bytes} to {@code offset}; how many bytes that were. */
    int write(ByteBuffer bytes, long offset) throws IOException {
        int count = bytes.remaining() - bytes.remaining() % blockBytes;
        boolean isAligned = bytes.isDirect()
                && offset % blockBytes == 0
                && bytes.alignmentOffset(bytes.position(), blockBytes) == 0;
        if (isRefused || !isAligned || count < LEAST_BYTES) {
            return 0;
        }
        int end = bytes.limit();
        int start = bytes.position();
        bytes.limit(start + count);
        try {
            channel.write(bytes, offset);
        } catch (IOException e) {
            // The other channel writes it again, and fails in its own words where the fault is another.
            isRefused = true;
            bytes.position(start);
        } finally {
            bytes.limit(end);
        }
        int written = bytes.position() - start;
        if (written % blockBytes != 0) {
            isRefused = true;
        }
        return written;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
