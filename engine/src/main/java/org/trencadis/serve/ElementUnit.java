package org.trencadis.serve;

import org.trencadis.tensor.Dtype;

/**
 * The least run of elements that fills whole bytes: one element of most types, two or four of the packed ones.
 */
record ElementUnit(int elements, int bytes) {
    static ElementUnit of(Dtype dtype) {
        return switch (dtype.bits()) {
            case 4 -> new ElementUnit(2, 1);
            case 6 -> new ElementUnit(4, 3);
            default -> new ElementUnit(1, dtype.bytes());
        };
    }

    /** The first element of the unit that byte {@code offset} lies in. */
    long elementsBefore(long offset) {
        return offset / bytes * elements;
    }

    /** One past the last element of the unit that ends at byte {@code end} or later. */
    long elementsUpTo(long end) {
        return (end + bytes - 1) / bytes * elements;
    }

    /** The byte at which the unit of {@code element} starts. */
    long bytesOf(long element) {
        return element / elements * bytes;
    }
}
