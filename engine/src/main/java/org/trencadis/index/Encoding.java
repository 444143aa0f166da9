package org.trencadis.index;

/**
 * How the elements of a foreign fragment differ from canonical ones.
 *
 * @param strides per axis in elements, may be 0 or negative; null for row-major
 * @param zstd whether the fragment's extent is a Zstandard stream, and the elements lie in what it decodes to
 * @param streamOffset position of the region's first element in the decoded stream; 0 without one
 */
public record Encoding(
        boolean bigEndian, boolean conjugate, boolean negate, long[] strides, boolean zstd, long streamOffset) {
    /** Elements that lie in the file as they are. */
    public Encoding(boolean bigEndian, boolean conjugate, boolean negate, long[] strides) {
        this(bigEndian, conjugate, negate, strides, false, 0);
    }

    /** Whether bytes can be copied as they are once positions are known. */
    public boolean isPlainBytes() {
        return !bigEndian && !conjugate && !negate;
    }
}
