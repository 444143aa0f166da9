package org.trencadis.gather;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.LongConsumer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/**
 * What a person wants to know about a tensor's elements. Least, greatest, mean and norm are over the finite ones; of
 * complex elements, over their magnitudes. They are NaN where no element is finite, the norm 0.
 *
 * @param nanCount elements that are NaN, for complex ones in either part
 * @param infiniteCount elements that are infinite and not NaN
 * @param norm square root of the sum of squares
 */
public record Stats(
        long elements, long nanCount, long infiniteCount, double least, double greatest, double mean, double norm) {
    /**
     * The numbers of the tensors of some ordinals, in that order.
     *
     * @param progress is told the bytes of each part that is done, by several threads
     */
    public static List<Stats> ofTensors(Gatherer gatherer, int[] ordinals, int threads, LongConsumer progress)
            throws IOException {
        long[] bytes = new long[ordinals.length];
        for (int position = 0; position < bytes.length; position++) {
            bytes[position] = gatherer.catalog().tensor(ordinals[position]).bytes();
        }
        Stats[] results = new Stats[ordinals.length];
        TensorStream.forEach(bytes, threads, (position, buffer) -> {
            Tensor tensor = gatherer.catalog().tensor(ordinals[position]);
            results[position] = of(
                    tensor,
                    Region.whole(tensor.shape()),
                    (region, target) -> gatherer.gather(tensor, region, target),
                    buffer,
                    progress);
        });
        gatherer.files().checkUnchanged();
        return List.of(results);
    }

    /** The numbers of a region of one copy, such as what one rank held. */
    public static Stats ofCopy(Gatherer gatherer, Tensor tensor, int copy, Region region) throws IOException {
        Stats stats = of(
                tensor,
                region,
                (part, target) -> gatherer.gatherCopy(tensor, copy, part, target),
                new byte[TensorStream.BLOCK_BYTES],
                done -> {});
        gatherer.files().checkUnchanged();
        return stats;
    }

    private static Stats of(Tensor tensor, Region whole, PieceBytes.Source source, byte[] buffer, LongConsumer progress)
            throws IOException {
        MemorySegment segment = MemorySegment.ofArray(buffer);
        Sums sums = new Sums();
        int parts = Numbers.partsOf(tensor.dtype());
        double[] numbers = new double[(int) Math.min(TensorStream.blockElements(tensor), whole.count()) * parts];
        TensorStream.read(tensor, whole, source, segment, progress, (from, elements) -> {
            Numbers.load(tensor.dtype(), segment, elements, numbers);
            if (parts == 2) {
                for (int i = 0; i < elements; i++) {
                    numbers[i] = magnitude(numbers[2 * i], numbers[2 * i + 1]);
                }
            }
            sums.add(numbers, elements);
        });
        return sums.stats(whole.count());
    }

    private static double magnitude(double real, double imaginary) {
        return Double.isNaN(real) || Double.isNaN(imaginary) ? Double.NaN : Math.hypot(real, imaginary);
    }

    /** Sums of a block are made first, then added: the error grows with the number of blocks, not of elements. */
    private static final class Sums {
        private long nans;
        private long infinities;
        private double least = Double.POSITIVE_INFINITY;
        private double greatest = Double.NEGATIVE_INFINITY;
        private double sum;
        private double squares;

        void add(double[] numbers, int count) {
            double blockSum = 0;
            double blockSquares = 0;
            for (int i = 0; i < count; i++) {
                double number = numbers[i];
                if (Double.isFinite(number)) {
                    least = Math.min(least, number);
                    greatest = Math.max(greatest, number);
                    blockSum += number;
                    blockSquares += number * number;
                } else if (Double.isNaN(number)) {
                    nans++;
                } else {
                    infinities++;
                }
            }
            sum += blockSum;
            squares += blockSquares;
        }

        Stats stats(long elements) {
            long finite = elements - nans - infinities;
            return new Stats(
                    elements,
                    nans,
                    infinities,
                    finite == 0 ? Double.NaN : least,
                    finite == 0 ? Double.NaN : greatest,
                    finite == 0 ? Double.NaN : sum / finite,
                    Math.sqrt(squares));
        }
    }
}
