package org.trencadis.storage;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes whole blocks of a file from memory straight to the device, past the system's page cache: without the copy, which
 * costs more processor time than hashing where a virtual machine has to ask its host for the pages ({@code
 * bench/writing.py}), and without driving out of the cache what is read.
 *
 * <p>It takes whole blocks, and who writes gives the rest to the page cache. The system keeps the two consistent, also
 * where several threads write next to each other, as no block is written in both ways.
 */
final class DirectWrites implements AutoCloseable {
    /** Where blocks start, in the file and in memory: as most file systems ask for. One that asks for more refuses. */
    static final int BLOCK_BYTES = 4096;

    /** Each call waits for the device, so that less is not worth it. */
    static final int LEAST_BYTES = 256 * 1024;

    /** Null where this JDK has no such option. */
    private static final OpenOption DIRECT = findOption();

    private final FileChannel channel;
    private volatile boolean refused;

    private DirectWrites(FileChannel channel) {
        this.channel = channel;
    }

    /** An option of the JDK's, but of none of its documented packages. */
    private static OpenOption findOption() {
        try {
            for (Object option :
                    Class.forName("com.sun.nio.file.ExtendedOpenOption").getEnumConstants()) {
                if (option.toString().equals("DIRECT")) {
                    return (OpenOption) option;
                }
            }
        } catch (ClassNotFoundException e) {
            return null;
        }
        return null;
    }

    /** For an existing file, or null where the system, or the file's file system, cannot do it. */
    static DirectWrites find(Path file) {
        if (DIRECT == null) {
            return null;
        }
        try {
            return new DirectWrites(FileChannel.open(file, StandardOpenOption.WRITE, DIRECT));
        } catch (IOException | UnsupportedOperationException e) {
            return null;
        }
    }

    /**
     * Writes as many blocks from the start of {@code bytes} as lie at whole blocks both in the file and in memory.
     *
     * <p>An error is not reported: what was not written stays in {@code bytes}, and the next writer meets the error or, if
     * the file system only dislikes this way of writing, does not.
     *
     * @return bytes written, by which the position of {@code bytes} was advanced; often 0
     */
    int write(ByteBuffer bytes, long offset) throws ClosedChannelException {
        int start = bytes.position();
        int end = start + bytes.remaining() / BLOCK_BYTES * BLOCK_BYTES;
        if (refused || end - start < LEAST_BYTES || offset % BLOCK_BYTES != 0 || !bytes.isDirect()) {
            return 0;
        }
        // The address of the buffer's position.
        if (MemorySegment.ofBuffer(bytes).address() % BLOCK_BYTES != 0) {
            return 0;
        }
        ByteBuffer blocks = bytes.duplicate().limit(end);
        try {
            while (blocks.hasRemaining() && isWhole(blocks.position() - start)) {
                channel.write(blocks, offset + blocks.position() - start);
            }
        } catch (ClosedChannelException e) {
            throw e;
        } catch (IOException e) {
            refused = true;
        }
        bytes.position(blocks.position());
        return blocks.position() - start;
    }

    /** A full disk can end a call within a block. */
    private static boolean isWhole(int bytes) {
        return bytes % BLOCK_BYTES == 0;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
