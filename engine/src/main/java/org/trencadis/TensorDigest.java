package org.trencadis;

import org.trencadis.index.Tensor;

/**
 * The flat digest of one tensor.
 *
 * @param flat SHA-256 over its little-endian row-major bytes
 */
public record TensorDigest(Tensor tensor, byte[] flat) {}
