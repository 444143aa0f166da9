package org.trencadis.index;

import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;

/**
 * A tensor as the catalog lists it; a transient value, made anew at each look.
 *
 * @param ordinal position in (name, state) order
 * @param state {@code fp32}, {@code exp_avg}, {@code model} …, an open set
 * @param shape logical extents: unpadded, unsharded
 * @param copyStart first copy; margins follow the copies
 * @param derived whether this model tensor is the rounding of its master
 * @param blend whether the copies are averaged when read
 * @param root tensor root, or null where it is not computed
 */
public record Tensor(
        int ordinal,
        String name,
        String state,
        Dtype dtype,
        long[] shape,
        long elements,
        long copyStart,
        int copyCount,
        int marginCount,
        boolean derived,
        boolean blend,
        byte[] root) {
    /** Bytes of the canonical form. */
    public long bytes() {
        return dtype.bytes(elements);
    }

    /** {@code name:state}, as commands and messages write it. */
    public String key() {
        return name + ":" + state;
    }

    @Override
    public String toString() {
        return key() + " " + dtype.torchName() + " " + Shapes.print(shape);
    }
}
