package org.trencadis.tensor;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Region ∩ region as copy runs: which elements of a source region go where in a target region.
 *
 * <p>A target lies in memory as its elements in row-major order of its box. A source does too, or has a stride per axis.
 * Positions are counted in elements from the first element of each region.
 */
public final class Runs {
    private Runs() {}

    /** Receives runs; neighbours are not merged, use {@link Merged} for that. */
    @FunctionalInterface
    public interface Sink {
        /**
         * Elements {@code source, source + step, …} go to {@code target, target + 1, …}.
         *
         * @param source position in the source region's memory, in elements; negative with negative strides
         * @param step distance in elements between neighbours in the source, 1 in nearly all cases
         * @param count elements of the run, at least 1
         */
        void run(long source, long step, long target, long count) throws IOException;
    }

    /**
     * Hands out the runs of {@code source ∩ target} in no promised order.
     *
     * @param strides source strides per axis in elements, or null where the source is row-major
     */
    public static void between(Region source, long[] strides, Region target, Sink sink) throws IOException {
        if (source.count() == 0 || target.count() == 0) {
            return;
        }
        if (strides == null && source.box().equals(target.box())) {
            betweenIntervals(source, target, sink);
            return;
        }
        List<Box> targetBoxes = new ArrayList<>(3);
        target.forEachBox(targetBoxes::add);
        List<Box> sourceBoxes = new ArrayList<>(3);
        source.forEachBox(sourceBoxes::add);
        Walk walk = new Walk(source, strides, target, sink);
        for (Box from : sourceBoxes) {
            for (Box to : targetBoxes) {
                Box both = from.findIntersection(to);
                if (both != null) {
                    walk.emit(both);
                }
            }
        }
    }

    private static void betweenIntervals(Region source, Region target, Sink sink) throws IOException {
        long from = Math.max(source.start(), target.start());
        long end = Math.min(source.start() + source.count(), target.start() + target.count());
        if (from < end) {
            sink.run(from - source.start(), 1, from - target.start(), end - from);
        }
    }

    /** Walks the rows of a box in both coordinate systems. */
    private static final class Walk {
        private final Sink sink;
        private final Region source;
        private final Region target;
        private final long[] sourceStrides;
        private final long[] targetStrides;
        private final long sourceOrigin;

        Walk(Region source, long[] strides, Region target, Sink sink) {
            this.sink = sink;
            this.source = source;
            this.target = target;
            this.sourceStrides = strides != null
                    ? strides
                    : Shapes.rowMajorStrides(source.box().extents());
            this.targetStrides = Shapes.rowMajorStrides(target.box().extents());
            this.sourceOrigin = place(source.first(), source.box(), sourceStrides);
        }

        private static long place(long[] point, Box box, long[] strides) {
            long place = 0;
            for (int axis = 0; axis < point.length; axis++) {
                place += (point[axis] - box.offsets()[axis]) * strides[axis];
            }
            return place;
        }

        void emit(Box both) throws IOException {
            int order = both.order();
            long sourceAt = place(both.offsets(), source.box(), sourceStrides) - sourceOrigin;
            long targetAt = place(both.offsets(), target.box(), targetStrides) - target.start();
            int inner = order;
            long count = 1;
            long step = 1;
            // Inner axes join while the next outer one continues where they end, on both sides.
            while (inner > 0 && joins(both, inner - 1, count, step)) {
                inner--;
                if (both.extents()[inner] > 1) {
                    step = count == 1 ? sourceStrides[inner] : step;
                    count *= both.extents()[inner];
                }
            }
            rows(both, inner, sourceAt, targetAt, step, count);
        }

        private boolean joins(Box both, int axis, long count, long step) {
            if (both.extents()[axis] == 1) {
                return true;
            }
            if (count == 1) {
                return targetStrides[axis] == 1;
            }
            return targetStrides[axis] == count && sourceStrides[axis] == count * step;
        }

        private void rows(Box both, int outerAxes, long sourceAt, long targetAt, long step, long count)
                throws IOException {
            long[] position = new long[outerAxes];
            while (true) {
                sink.run(sourceAt, step, targetAt, count);
                int axis = outerAxes - 1;
                while (axis >= 0 && position[axis] == both.extents()[axis] - 1) {
                    sourceAt -= position[axis] * sourceStrides[axis];
                    targetAt -= position[axis] * targetStrides[axis];
                    position[axis] = 0;
                    axis--;
                }
                if (axis < 0) {
                    return;
                }
                position[axis]++;
                sourceAt += sourceStrides[axis];
                targetAt += targetStrides[axis];
            }
        }
    }

    /** Joins runs that continue each other on both sides before it hands them on; {@link #flush} hands on the last. */
    public static final class Merged implements Sink {
        private final Sink next;
        private long source;
        private long target;
        private long count;

        public Merged(Sink next) {
            this.next = next;
        }

        @Override
        public void run(long source, long step, long target, long count) throws IOException {
            boolean continues = step == 1
                    && this.count > 0
                    && source == this.source + this.count
                    && target == this.target + this.count;
            if (continues) {
                this.count += count;
                return;
            }
            flush();
            if (step != 1 && count > 1) {
                next.run(source, step, target, count);
            } else {
                this.source = source;
                this.target = target;
                this.count = count;
            }
        }

        /** Hands on what is held back. */
        public void flush() throws IOException {
            if (count > 0) {
                next.run(source, 1, target, count);
            }
            count = 0;
        }
    }

    /** Counts runs and elements of {@code source ∩ target}: {@code {runs, elements}}. */
    public static long[] count(Region source, long[] strides, Region target) {
        long[] totals = new long[2];
        try {
            Merged merged = new Merged((from, step, to, count) -> {
                totals[0]++;
                totals[1] += count;
            });
            between(source, strides, target, merged);
            merged.flush();
        } catch (IOException impossible) {
            throw new AssertionError("counting does no I/O: " + Arrays.toString(totals), impossible);
        }
        return totals;
    }
}
