package org.trencadis.source.safetensors;

import org.trencadis.tensor.Dtype;

/**
 * One tensor of a header.
 *
 * @param beginBytes where it starts, from the start of the data
 * @param endBytes where it ends
 */
record TensorEntry(String name, Dtype dtype, long[] shape, long beginBytes, long endBytes) {
    long bytes() {
        return endBytes - beginBytes;
    }
}
