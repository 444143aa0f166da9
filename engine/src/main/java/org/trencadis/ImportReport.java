package org.trencadis;

/**
 * What an import did.
 *
 * @param name of the checkpoint in its container
 * @param logicalBytes canonical bytes of all tensors that are stored
 * @param writtenBytes bytes added to shard files
 * @param reusedBytes logical bytes that the container held already
 */
public record ImportReport(
        String name, long tensors, long logicalBytes, long writtenBytes, long reusedBytes, CheckpointDigests digests) {}
