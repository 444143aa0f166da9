package org.trencadis;

/**
 * What a link did.
 *
 * @param name of the checkpoint in its container
 * @param logicalBytes bytes of all tensors; none of them was read
 * @param foreignBytes bytes of the original files that the index points into
 */
public record LinkReport(String name, long tensors, long fragments, long files, long logicalBytes, long foreignBytes) {}
