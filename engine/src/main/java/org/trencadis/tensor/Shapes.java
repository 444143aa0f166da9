package org.trencadis.tensor;

/** Arithmetic on shapes: element counts, row-major strides, printing. Lengths are in elements. */
public final class Shapes {
    /** The greatest order (number of axes) that a tensor may have. */
    public static final int MAX_ORDER = 64;

    private Shapes() {}

    /**
     * The product of {@code extents}; 1 for a scalar, 0 as soon as one axis is empty.
     *
     * @throws ArithmeticException when the product does not fit 63 bits
     */
    public static long elements(long[] extents) {
        for (long extent : extents) {
            if (extent == 0) {
                return 0;
            }
        }
        long product = 1;
        for (long extent : extents) {
            if (extent < 0) {
                throw new ArithmeticException("negative extent " + extent);
            }
            product = Math.multiplyExact(product, extent);
        }
        return product;
    }

    /** Row-major strides in elements: the last axis has stride 1. */
    public static long[] rowMajorStrides(long[] extents) {
        long[] strides = new long[extents.length];
        long stride = 1;
        for (int axis = extents.length - 1; axis >= 0; axis--) {
            strides[axis] = stride;
            stride *= Math.max(extents[axis], 1);
        }
        return strides;
    }

    /** {@code 2x3}, or {@code scalar} for a shape without axes. */
    public static String print(long[] shape) {
        if (shape.length == 0) {
            return "scalar";
        }
        StringBuilder text = new StringBuilder();
        for (int axis = 0; axis < shape.length; axis++) {
            text.append(axis == 0 ? "" : "x").append(shape[axis]);
        }
        return text.toString();
    }
}
