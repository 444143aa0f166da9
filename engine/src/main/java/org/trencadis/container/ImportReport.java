package org.trencadis.container;

import org.trencadis.gather.CatalogDigests;

/**
 * What an import did.
 *
 * @param logicalBytes canonical bytes of all tensors that are stored
 * @param writtenBytes bytes added to shard files
 * @param reusedBytes logical bytes found in the container already
 */
public record ImportReport(
        String name, long tensors, long logicalBytes, long writtenBytes, long reusedBytes, CatalogDigests digests) {}
