package org.trencadis.torch;

import org.trencadis.tensor.Dtype;

/**
 * A dense tensor of a torch file and where its elements lie.
 *
 * @param strides per axis in elements, may be 0 or negative
 * @param offsetBytes position in the file of the tensor's first element
 * @param storageOffsetBytes position in the file of its storage
 * @param storageBytes length of that storage; every element lies in it (checked)
 * @param storageKey the archive's key of the storage: equal keys share memory
 */
public record TorchTensor(
        Dtype dtype,
        long[] shape,
        long[] strides,
        long offsetBytes,
        long storageOffsetBytes,
        long storageBytes,
        String storageKey,
        boolean bigEndian,
        boolean conjugate,
        boolean negate) {
    /** Whether the elements lie one after another in row-major order. */
    public boolean isRowMajor() {
        throw new UnsupportedOperationException("stub");
    }
}
