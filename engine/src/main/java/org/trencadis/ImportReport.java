package org.trencadis;

import java.util.List;
import org.trencadis.index.Finding;

/**
 * What an import did.
 *
 * @param name of the checkpoint in its container
 * @param logicalBytes canonical bytes of all tensors that are stored
 * @param writtenBytes bytes added to shard files
 * @param reusedBytes logical bytes that the container held already
 * @param findings damaged shards of the container that could not be reused; their content was written anew
 */
public record ImportReport(
        String name,
        long tensors,
        long logicalBytes,
        long writtenBytes,
        long reusedBytes,
        CheckpointDigests digests,
        List<Finding> findings) {
    public ImportReport {
        findings = List.copyOf(findings);
    }
}
