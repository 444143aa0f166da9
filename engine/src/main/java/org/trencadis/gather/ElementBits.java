package org.trencadis.gather;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.trencadis.tensor.Dtype;

/** Compares elements by their bits, whatever their width. */
final class ElementBits {
    private ElementBits() {}

    /** Whether element {@code number} is the same in both segments. */
    static boolean areEqual(Dtype dtype, MemorySegment left, MemorySegment right, long number) {
        if (dtype.bits() % 8 == 0) {
            long at = number * dtype.bytes();
            return MemorySegment.mismatch(left, at, at + dtype.bytes(), right, at, at + dtype.bytes()) < 0;
        }
        return bits(dtype.bits(), left, number) == bits(dtype.bits(), right, number);
    }

    private static int bits(int width, MemorySegment segment, long number) {
        long firstBit = number * width;
        int shift = (int) (firstBit % 8);
        int pair = Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, firstBit / 8));
        if (shift + width > 8) {
            pair |= Byte.toUnsignedInt(segment.get(ValueLayout.JAVA_BYTE, firstBit / 8 + 1)) << 8;
        }
        return pair >>> shift & (1 << width) - 1;
    }
}
