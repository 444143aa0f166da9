package org.trencadis;

import org.trencadis.tensor.Dtype;

/**
 * What an export writes.
 *
 * @param filter tensors to take; where it names no state, the weights: masters, buffers, frozen parameters
 * @param dtype what floats are rounded to (nearest, ties to even), or null to leave them
 * @param maxShardBytes tensor bytes in one file at most
 * @param threads workers, at least 1
 */
public record ExportSettings(TensorFilter filter, Dtype dtype, long maxShardBytes, int threads) {
    /** What Hugging Face's tools write: files of at most 5 GB. */
    public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

    /** All weights as they are. */
    public static ExportSettings standard() {
        return new ExportSettings(TensorFilter.ALL, null, DEFAULT_SHARD_BYTES, Checkpoint.defaultThreads());
    }
}
