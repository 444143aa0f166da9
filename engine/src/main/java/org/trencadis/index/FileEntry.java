package org.trencadis.index;

/**
 * A file that extents point into.
 *
 * @param shard whether it is a shard of the container, named by {@code digest}, or else a foreign original
 * @param path foreign: relative to the catalog's base; shard: empty
 * @param digest shard id, or the SHA-256 of a foreign file once known, or null
 */
public record FileEntry(
        boolean shard,
        String path,
        long sizeBytes,
        long device,
        long inode,
        long mtimeNs,
        long ctimeNs,
        byte[] digest) {}
