package org.trencadis.index;

/**
 * How the elements of a foreign fragment differ from canonical ones.
 *
 * @param strides per axis in elements, may be 0 or negative; null for row-major
 */
public record Encoding(boolean bigEndian, boolean conjugate, boolean negate, long[] strides) {
    /** Whether bytes can be copied as they are once positions are known. */
    public boolean isPlainBytes() {
        return !bigEndian && !conjugate && !negate;
    }
}
