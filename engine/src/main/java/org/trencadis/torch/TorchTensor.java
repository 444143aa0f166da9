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
        return isRowMajor(shape, strides);
    }

    static boolean isRowMajor(long[] shape, long[] strides) {
        long expected = 1;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            if (shape[axis] == 0) {
                return true;
            }
            if (shape[axis] != 1 && strides[axis] != expected) {
                return false;
            }
            expected *= shape[axis];
        }
        return true;
    }

    /** The number of elements; less than 2^59. */
    public long elements() {
        long elements = 1;
        for (long extent : shape) {
            if (extent == 0) {
                return 0;
            }
            elements *= extent;
        }
        return elements;
    }

    /** Bytes of the elements behind each other; each element's bytes are counted, also where a stride is 0. */
    public long sizeBytes() {
        return dtype.bytes(elements());
    }
}
