package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.trencadis.format.FormatException;
import org.trencadis.tensor.Dtype;

/** Reads small tensors whole: little-endian, row-major, lazy bits applied. */
final class TensorBytes {
    private TensorBytes() {}

    /** The canonical bytes of a tensor that the caller knows to be small. */
    static byte[] rowMajor(TorchTensor tensor, Node node) throws IOException {
        if (tensor.dtype().bits() % 8 != 0) {
            byte[] packed = new byte[Math.toIntExact(tensor.sizeBytes())];
            node.torchFile().lease().read(tensor.offsetBytes(), MemorySegment.ofArray(packed), 0, packed.length);
            return packed;
        }
        int size = tensor.dtype().bytes();
        int elements = Math.toIntExact(tensor.elements());
        byte[] bytes = new byte[Math.multiplyExact(elements, size)];
        if (elements == 0) {
            return bytes;
        }
        MemorySegment target = MemorySegment.ofArray(bytes);
        if (tensor.isRowMajor()) {
            node.torchFile().lease().read(tensor.offsetBytes(), target, 0, bytes.length);
        } else {
            readStrided(tensor, node, target, elements, size);
        }
        if (tensor.bigEndian()) {
            reverse(bytes, isComplex(tensor.dtype()) ? size / 2 : size);
        }
        if (tensor.conjugate() || tensor.negate()) {
            applyLazyBits(bytes, tensor);
        }
        return bytes;
    }

    private static void readStrided(TorchTensor tensor, Node node, MemorySegment target, int elements, int size)
            throws IOException {
        long[] shape = tensor.shape();
        long[] strides = tensor.strides();
        long[] at = new long[shape.length];
        long element = 0;
        for (int i = 0; i < elements; i++) {
            node.torchFile().lease().read(tensor.offsetBytes() + element * size, target, (long) i * size, size);
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                element += strides[axis];
                if (++at[axis] < shape[axis]) {
                    break;
                }
                element -= strides[axis] * shape[axis];
                at[axis] = 0;
            }
        }
    }

    private static void reverse(byte[] bytes, int size) {
        for (int from = 0; from < bytes.length; from += size) {
            for (int i = 0; i < size / 2; i++) {
                byte low = bytes[from + i];
                bytes[from + i] = bytes[from + size - 1 - i];
                bytes[from + size - 1 - i] = low;
            }
        }
    }

    private static boolean isComplex(Dtype dtype) {
        return dtype == Dtype.COMPLEX32 || dtype == Dtype.COMPLEX64 || dtype == Dtype.COMPLEX128;
    }

    /** Flips sign bits: of imaginary parts for a conjugate, of every number for a negative. */
    private static void applyLazyBits(byte[] bytes, TorchTensor tensor) throws IOException {
        int size = tensor.dtype().bytes();
        if (isComplex(tensor.dtype())) {
            int half = size / 2;
            for (int end = size; end <= bytes.length; end += size) {
                bytes[end - half - 1] ^= (byte) (tensor.negate() ? 0x80 : 0);
                bytes[end - 1] ^= (byte) (tensor.negate() != tensor.conjugate() ? 0x80 : 0);
            }
        } else if (tensor.negate()) {
            for (int end = size; end <= bytes.length; end += size) {
                bytes[end - 1] ^= (byte) 0x80;
            }
        }
    }

    static long wholeNumber(Node node) throws IOException {
        TorchTensor tensor = node.asTensor();
        byte[] bytes = single(tensor, node);
        if (isInteger(tensor.dtype())) {
            return integer(tensor.dtype(), bytes, node);
        }
        double value = real(tensor.dtype(), bytes, node);
        if (value != Math.rint(value) || Math.abs(value) >= 0x1p63) {
            throw node.corrupt("a whole number", "an integer that fits 64 bits", value);
        }
        return (long) value;
    }

    static double number(Node node) throws IOException {
        TorchTensor tensor = node.asTensor();
        byte[] bytes = single(tensor, node);
        return isInteger(tensor.dtype()) ? integer(tensor.dtype(), bytes, node) : real(tensor.dtype(), bytes, node);
    }

    private static byte[] single(TorchTensor tensor, Node node) throws IOException {
        if (tensor.elements() != 1) {
            throw node.corrupt("a number", "a tensor of one element", tensor.elements() + " elements");
        }
        return rowMajor(tensor, node);
    }

    private static boolean isInteger(Dtype dtype) {
        return switch (dtype) {
            case BOOL, UINT8, INT8, INT16, UINT16, INT32, UINT32, INT64, UINT64 -> true;
            default -> false;
        };
    }

    private static long bits(byte[] bytes) {
        long bits = 0;
        for (int i = Math.min(8, bytes.length) - 1; i >= 0; i--) {
            bits = bits << 8 | bytes[i] & 0xFF;
        }
        return bits;
    }

    private static long integer(Dtype dtype, byte[] bytes, Node node) throws IOException {
        long bits = bits(bytes);
        return switch (dtype) {
            case INT8 -> (byte) bits;
            case INT16 -> (short) bits;
            case INT32 -> (int) bits;
            case UINT64 -> {
                if (bits < 0) {
                    throw node.corrupt("a number fits 63 bits", "at most 2^63 - 1", Long.toUnsignedString(bits));
                }
                yield bits;
            }
            default -> bits;
        };
    }

    private static double real(Dtype dtype, byte[] bytes, Node node) throws IOException {
        long bits = bits(bytes);
        return switch (dtype) {
            case FLOAT64 -> Double.longBitsToDouble(bits);
            case FLOAT32 -> Float.intBitsToFloat((int) bits);
            case BFLOAT16 -> Float.intBitsToFloat((int) bits << 16);
            case FLOAT16 -> Float.float16ToFloat((short) bits);
            default ->
                throw new FormatException.Unsupported(
                        "a number", "an integer or float tensor", dtype.torchName(), node.place());
        };
    }
}
