package org.trencadis.index;

/**
 * A byte string in a file.
 *
 * @param file ordinal of a {@link FileEntry}
 * @param offset foreign file: byte offset of the fragment's first element; shard: ordinal of the first chunk. In a view,
 *     which is never stored, the elements of a shard may start inside a chunk: then the byte in it stands above bit 32
 * @param lengthBytes decoded bytes
 */
public record Extent(int file, long offset, long lengthBytes) {
    private static final int CHUNK_BITS = 32;

    /** The offset of an extent of a shard that starts {@code skippedBytes} into a chunk. */
    static long offset(long chunk, long skippedBytes) {
        return skippedBytes << CHUNK_BITS | chunk;
    }

    /** In a shard, the ordinal of the chunk where it starts. */
    public long firstChunk() {
        return offset & (1L << CHUNK_BITS) - 1;
    }

    /** In a shard, the decoded bytes of that chunk that come before it: 0 but in views. */
    public long skippedBytes() {
        return offset >>> CHUNK_BITS;
    }
}
