package org.trencadis.container;

import java.util.List;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.index.Finding;

/**
 * What an import did.
 *
 * @param logicalBytes canonical bytes of all tensors that are stored
 * @param writtenBytes bytes added to shard files
 * @param reusedBytes logical bytes found in the container already
 * @param findings shards and chunks of the container that could not be reused since they are damaged
 */
public record ImportReport(
        String name,
        long tensors,
        long logicalBytes,
        long writtenBytes,
        long reusedBytes,
        CatalogDigests digests,
        List<Finding> findings) {
    public ImportReport {
        findings = List.copyOf(findings);
    }
}
