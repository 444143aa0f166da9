package org.trencadis.serve;

import org.trencadis.index.Tensor;
import org.trencadis.tensor.Dtype;

/**
 * A tensor of the catalog under the name and element type that it has in an exported file.
 *
 * @param dtype equal to the tensor's, or what its elements are rounded to
 */
public record ExportedTensor(String name, Tensor tensor, Dtype dtype) {
    /** Bytes in the exported file. */
    public long bytes() {
        return dtype.bytes(tensor.elements());
    }
}
