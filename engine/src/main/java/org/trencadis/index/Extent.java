package org.trencadis.index;

/**
 * A byte string in a file.
 *
 * @param file ordinal of a {@link FileEntry}
 * @param offset foreign file: byte offset of the fragment's first element; shard: ordinal of the first chunk
 * @param lengthBytes decoded bytes
 */
public record Extent(int file, long offset, long lengthBytes) {}
