package org.trencadis;

/**
 * One checkpoint of a container.
 *
 * @param source framework it came from, or null
 * @param isLink whether its bytes lie in the original files
 * @param universal universal digest, or null where it was not computed
 */
public record CheckpointSummary(
        String name,
        long generation,
        int tensors,
        long logicalBytes,
        String source,
        boolean isLink,
        byte[] universal) {}
