package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/**
 * How two tensors of one type and shape differ. Elements are equal when their bits are: 0.0 and -0.0 differ, a NaN equals
 * a NaN of the same bits.
 *
 * @param firstPoint the first element in row-major order that differs, null where none does
 * @param differing elements that differ
 * @param largestAbsolute the greatest |left - right|; 0 between two NaNs or equal infinities, NaN where a NaN stands
 *     against a number, which is greater than everything; of complex elements, of the difference's magnitude
 */
public record Difference(long[] firstPoint, long differing, double largestAbsolute) {
    private static final Difference NONE = new Difference(null, 0, 0);

    /**
     * Two tensors to compare, by their ordinals in their catalogs: of one type, or a float32 tensor and one of 16 bits, which
     * is compared with the rounding of the other.
     */
    public record Pair(int left, int right) {}

    /** Whether no element differs. */
    public boolean isEqual() {
        return firstPoint == null;
    }

    /**
     * The differences of some pairs, in their order. Tensors with equal roots are not read.
     *
     * @param progress is told the bytes of each part of a left tensor that is done, by several threads
     * @throws IllegalArgumentException where a pair cannot be compared
     */
    public static List<Difference> ofPairs(
            Gatherer left, Gatherer right, List<Pair> pairs, int threads, LongConsumer progress) throws IOException {
        long[] bytes = new long[pairs.size()];
        for (int position = 0; position < bytes.length; position++) {
            bytes[position] = left.catalog().tensor(pairs.get(position).left()).bytes();
        }
        Difference[] results = new Difference[bytes.length];
        TensorStream.forEach(bytes, threads, (position, buffer) -> {
            Tensor one = left.catalog().tensor(pairs.get(position).left());
            Tensor other = right.catalog().tensor(pairs.get(position).right());
            results[position] = of(left, one, right, other, buffer, progress);
        });
        left.files().checkUnchanged();
        right.files().checkUnchanged();
        return List.of(results);
    }

    /** Whether tensors of these types are compared as a weight and its master. */
    public static boolean isRounding(Dtype one, Dtype other) {
        return one == Dtype.FLOAT32 && (other == Dtype.BFLOAT16 || other == Dtype.FLOAT16)
                || other == Dtype.FLOAT32 && (one == Dtype.BFLOAT16 || one == Dtype.FLOAT16);
    }

    private static Difference of(
            Gatherer left, Tensor one, Gatherer right, Tensor other, byte[] buffer, LongConsumer progress)
            throws IOException {
        boolean rounded = isRounding(one.dtype(), other.dtype());
        if (rounded && one.dtype() == Dtype.FLOAT32) {
            return of(right, other, left, one, buffer, progress);
        }
        if (!rounded && one.dtype() != other.dtype() || !Arrays.equals(one.shape(), other.shape())) {
            throw new IllegalArgumentException(one.key() + " is " + one.dtype().torchName() + " "
                    + Shapes.print(one.shape()) + ", the other " + other.dtype().torchName() + " "
                    + Shapes.print(other.shape()));
        }
        if (one.root() != null && Arrays.equals(one.root(), other.root())) {
            progress.accept(one.bytes());
            return NONE;
        }
        MemorySegment segment = MemorySegment.ofArray(buffer);
        MemorySegment second = MemorySegment.ofArray(new byte[buffer.length]);
        Comparison comparison = new Comparison(one.dtype(), segment, second);
        Region whole = Region.whole(one.shape());
        MemorySegment masters = rounded ? MemorySegment.ofArray(new byte[2 * buffer.length]) : null;
        TensorStream.read(
                one,
                whole,
                (region, target) -> left.gather(one, region, target),
                segment,
                progress,
                (from, elements) -> {
                    right.gather(other, whole.part(from, elements), rounded ? masters : second);
                    if (rounded) {
                        Convert.convert(Dtype.FLOAT32, masters, 0, one.dtype(), second, 0, elements);
                    }
                    comparison.add(from, elements);
                });
        long[] point = comparison.differing == 0 ? null : Box.whole(one.shape()).unflatten(comparison.first);
        return new Difference(point, comparison.differing, comparison.largest);
    }

    private static final class Comparison {
        private final Dtype dtype;
        private final MemorySegment left;
        private final MemorySegment right;
        private final int parts;
        private double[] leftNumbers = new double[0];
        private double[] rightNumbers = new double[0];
        private long first = -1;
        private long differing;
        private double largest;

        Comparison(Dtype dtype, MemorySegment left, MemorySegment right) {
            this.dtype = dtype;
            this.left = left;
            this.right = right;
            this.parts = Numbers.partsOf(dtype);
        }

        void add(long from, int elements) {
            long bytes = dtype.bytes(elements);
            long mismatch = MemorySegment.mismatch(left, 0, bytes, right, 0, bytes);
            if (mismatch < 0) {
                return;
            }
            if (leftNumbers.length < elements * parts) {
                leftNumbers = new double[elements * parts];
                rightNumbers = new double[elements * parts];
            }
            Numbers.load(dtype, left, elements, leftNumbers);
            Numbers.load(dtype, right, elements, rightNumbers);
            for (int i = (int) (mismatch * 8 / dtype.bits()); i < elements; i++) {
                if (!ElementBits.areEqual(dtype, left, right, i)) {
                    first = differing == 0 ? from + i : first;
                    differing++;
                    // Math.max keeps a NaN.
                    largest = Math.max(largest, distance(i));
                }
            }
        }

        private double distance(int element) {
            if (parts == 1) {
                return distance(leftNumbers[element], rightNumbers[element]);
            }
            return Math.hypot(
                    distance(leftNumbers[2 * element], rightNumbers[2 * element]),
                    distance(leftNumbers[2 * element + 1], rightNumbers[2 * element + 1]));
        }

        private static double distance(double one, double other) {
            boolean same = one == other || Double.isNaN(one) && Double.isNaN(other);
            return same ? 0 : Math.abs(one - other);
        }
    }
}
