package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Encoding;
import org.trencadis.tensor.Dtype;

/** Brings elements of a foreign encoding into canonical form, in place: byte order first, then conjugation and sign. */
final class ElementEncoding {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private ElementEncoding() {}

    /** Decodes {@code elements} elements from byte {@code offset} of {@code segment}. */
    static void decode(Dtype dtype, Encoding encoding, MemorySegment segment, long offset, long elements)
            throws IOException {
        int parts = isComplex(dtype) ? 2 : 1;
        int width = dtype.bits() % 8 == 0 ? dtype.bytes() / parts : 1;
        if (encoding.bigEndian() && width > 1) {
            swap(segment, offset, elements * parts, width);
        }
        if (encoding.conjugate() && parts == 2) {
            flipSigns(segment, offset + width, elements, width, 2L * width);
        }
        if (encoding.negate()) {
            negate(dtype, segment, offset, elements * parts, width);
        }
    }

    static boolean isComplex(Dtype dtype) {
        return dtype == Dtype.COMPLEX32 || dtype == Dtype.COMPLEX64 || dtype == Dtype.COMPLEX128;
    }

    private static void swap(MemorySegment segment, long offset, long numbers, int width) {
        long end = offset + numbers * width;
        switch (width) {
            case 2 -> {
                for (long at = offset; at < end; at += 2) {
                    segment.set(SHORT, at, Short.reverseBytes(segment.get(SHORT, at)));
                }
            }
            case 4 -> {
                for (long at = offset; at < end; at += 4) {
                    segment.set(INT, at, Integer.reverseBytes(segment.get(INT, at)));
                }
            }
            case 8 -> {
                for (long at = offset; at < end; at += 8) {
                    segment.set(LONG, at, Long.reverseBytes(segment.get(LONG, at)));
                }
            }
            default -> throw new IllegalStateException("no number has " + width + " bytes");
        }
    }

    /** The sign bit is the highest of the last byte. */
    private static void flipSigns(MemorySegment segment, long offset, long numbers, int width, long step) {
        for (long i = 0; i < numbers; i++) {
            long at = offset + i * step + width - 1;
            segment.set(ValueLayout.JAVA_BYTE, at, (byte) (segment.get(ValueLayout.JAVA_BYTE, at) ^ 0x80));
        }
    }

    private static void negate(Dtype dtype, MemorySegment segment, long offset, long numbers, int width)
            throws IOException {
        switch (dtype) {
            case FLOAT16, BFLOAT16, FLOAT32, FLOAT64, COMPLEX32, COMPLEX64, COMPLEX128, FLOAT8_E4M3FN, FLOAT8_E5M2 ->
                flipSigns(segment, offset, numbers, width, width);
            case FLOAT8_E4M3FNUZ, FLOAT8_E5M2FNUZ -> {
                // These have no negative zero: its bits are their NaN.
                for (long at = offset; at < offset + numbers; at++) {
                    byte bits = segment.get(ValueLayout.JAVA_BYTE, at);
                    segment.set(ValueLayout.JAVA_BYTE, at, (byte) ((bits & 0x7F) == 0 ? bits : bits ^ 0x80));
                }
            }
            case INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64 ->
                negateIntegers(segment, offset, numbers, width);
            default -> throw new CatalogException("elements of type " + dtype.torchName() + " cannot be negated");
        }
    }

    private static void negateIntegers(MemorySegment segment, long offset, long numbers, int width) {
        for (long at = offset; at < offset + numbers * width; at += width) {
            switch (width) {
                case 1 -> segment.set(ValueLayout.JAVA_BYTE, at, (byte) -segment.get(ValueLayout.JAVA_BYTE, at));
                case 2 -> segment.set(SHORT, at, (short) -segment.get(SHORT, at));
                case 4 -> segment.set(INT, at, -segment.get(INT, at));
                default -> segment.set(LONG, at, -segment.get(LONG, at));
            }
        }
    }
}
