package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.HexFormat;
import org.trencadis.gather.Convert;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** One element as a person reads it: a number, or the bytes of types that are none. */
final class ElementText {
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private ElementText() {}

    /** The element of {@code tensor} at {@code point}, as short as it reads back equal. */
    static String of(Gatherer gatherer, Tensor tensor, long[] point) throws IOException {
        long flat = Box.whole(tensor.shape()).flatten(point);
        byte[] bytes = new byte[(int) tensor.dtype().bytes(1)];
        Region element = new Region(Box.whole(tensor.shape()), flat, 1);
        if (tensor.dtype().bits() % 8 != 0) {
            return "?";
        }
        gatherer.gather(tensor, element, MemorySegment.ofArray(bytes));
        return of(tensor.dtype(), bytes);
    }

    private static String of(Dtype dtype, byte[] bytes) {
        return switch (dtype) {
            case FLOAT16, BFLOAT16, FLOAT32, FLOAT64 -> printFloat(dtype, bytes);
            case BOOL -> bytes[0] == 0 ? "False" : "True";
            case INT8, INT16, INT32, INT64 -> new BigInteger(reversed(bytes)).toString();
            case UINT8, UINT16, UINT32, UINT64 -> new BigInteger(1, reversed(bytes)).toString();
            default -> "0x" + HexFormat.of().formatHex(reversed(bytes));
        };
    }

    private static String printFloat(Dtype dtype, byte[] bytes) {
        MemorySegment wide = MemorySegment.ofArray(new byte[Double.BYTES]);
        Convert.convert(dtype, MemorySegment.ofArray(bytes), 0, Dtype.FLOAT64, wide, 0, 1);
        double value = wide.get(DOUBLE, 0);
        return dtype == Dtype.FLOAT64 ? Double.toString(value) : Float.toString((float) value);
    }

    private static byte[] reversed(byte[] bytes) {
        byte[] reversed = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            reversed[i] = bytes[bytes.length - 1 - i];
        }
        return reversed;
    }
}
