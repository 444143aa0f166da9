package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** Compares two checkpoints tensor by tensor, then what else makes up the state of training. */
final class DiffRun {
    private final Checkpoint left;
    private final Checkpoint right;
    private final TensorFilter filter;
    private final Progress progress;

    DiffRun(Checkpoint left, Checkpoint right, TensorFilter filter, Progress progress) {
        this.left = left;
        this.right = right;
        this.filter = filter;
        this.progress = progress;
    }

    /** A tensor that both have. */
    private record Pair(Tensor left, Tensor right) {}

    List<Difference> run() throws IOException {
        List<Difference> found = new ArrayList<>();
        List<Pair> pairs = new ArrayList<>();
        List<Tensor> onlyLeft = new ArrayList<>();
        List<Tensor> onlyRight = new ArrayList<>();
        for (Tensor tensor : left.select(filter)) {
            int other = right.catalog().findTensor(tensor.name(), tensor.state());
            if (other < 0) {
                onlyLeft.add(tensor);
            } else {
                pairs.add(new Pair(tensor, right.catalog().tensor(other)));
            }
        }
        for (Tensor tensor : right.select(filter)) {
            if (left.catalog().findTensor(tensor.name(), tensor.state()) < 0) {
                onlyRight.add(tensor);
            }
        }
        progress.start(pairs.stream().mapToLong(pair -> pair.left.bytes()).sum());
        addMissing(left, onlyLeft, Difference.Kind.ONLY_LEFT, found);
        addMissing(right, onlyRight, Difference.Kind.ONLY_RIGHT, found);
        addDifferent(pairs, found);
        found.sort(Comparator.comparing(Difference::subject).thenComparing(Difference::state));
        if (!filter.limitsNames() && !filter.limitsStates()) {
            RunStateDiff.add(left.catalog(), right.catalog(), found);
        }
        return found;
    }

    /** A derived tensor follows from its master: a checkpoint without it lacks nothing. */
    private void addMissing(Checkpoint checkpoint, List<Tensor> tensors, Difference.Kind kind, List<Difference> found)
            throws IOException {
        for (Tensor tensor : tensors) {
            if (!checkpoint.isDerived(tensor)) {
                boolean isLeft = kind == Difference.Kind.ONLY_LEFT;
                String text = tensor.dtype().torchName() + " " + Shapes.print(tensor.shape());
                found.add(Difference.ofTensor(kind, tensor, isLeft ? text : null, isLeft ? null : text));
            }
        }
    }

    private void addDifferent(List<Pair> pairs, List<Difference> found) throws IOException {
        Difference[] differences = new Difference[pairs.size()];
        Workers.run(Checkpoint.defaultThreads(), pairs.size(), Buffers::new, (buffers, number) ->
                differences[(int) number] = findDifference(pairs.get((int) number), buffers));
        Arrays.stream(differences).filter(Objects::nonNull).forEach(found::add);
    }

    private Difference findDifference(Pair pair, Buffers buffers) throws IOException {
        Tensor a = pair.left;
        Tensor b = pair.right;
        if (!Arrays.equals(a.shape(), b.shape())) {
            return Difference.ofTensor(
                    Difference.Kind.SHAPE, a, Shapes.print(a.shape()), Shapes.print(b.shape()));
        }
        if (a.dtype() != b.dtype()) {
            return Difference.ofTensor(
                    Difference.Kind.DTYPE, a, a.dtype().torchName(), b.dtype().torchName());
        }
        if (a.root() != null && b.root() != null && Arrays.equals(a.root(), b.root())) {
            progress.advance(a.bytes());
            return null;
        }
        Comparison comparison = new Comparison(a);
        Pieces.forEach(a, (first, count, bytes) -> {
            Region region = new Region(Box.whole(a.shape()), first, count);
            MemorySegment mine = buffers.left.bytes().asSlice(0, bytes);
            MemorySegment other = buffers.right.bytes().asSlice(0, bytes);
            left.read(a, region, mine);
            right.read(b, region, other);
            comparison.add(first, count, mine, other);
            progress.advance(bytes);
        });
        return comparison.findDifference();
    }

    /** The two buffers of a thread. */
    private static final class Buffers implements AutoCloseable {
        private final PieceBuffer left = new PieceBuffer();
        private final PieceBuffer right = new PieceBuffer();

        @Override
        public void close() {
            left.close();
            right.close();
        }
    }

    /** Collects the differences of two tensors of one type and shape. */
    private static final class Comparison {
        private final Tensor tensor;
        private long firstDifferent = -1;
        private String left;
        private String right;
        private double maxAbsolute = Double.NaN;
        private long different;

        Comparison(Tensor tensor) {
            this.tensor = tensor;
        }

        void add(long first, long count, MemorySegment a, MemorySegment b) {
            if (a.mismatch(b) < 0) {
                return;
            }
            Dtype dtype = tensor.dtype();
            boolean numbers = Elements.areNumbers(dtype);
            for (long i = 0; i < count; i++) {
                if (sameBits(dtype, a, b, i)) {
                    continue;
                }
                different++;
                if (firstDifferent < 0) {
                    firstDifferent = first + i;
                    left = numbers ? print(dtype, a, i) : null;
                    right = numbers ? print(dtype, b, i) : null;
                }
                if (numbers) {
                    double distance = Math.abs(Elements.get(dtype, a, i) - Elements.get(dtype, b, i));
                    maxAbsolute = Double.isFinite(distance) && !(distance <= maxAbsolute) ? distance : maxAbsolute;
                }
            }
        }

        private static boolean sameBits(Dtype dtype, MemorySegment a, MemorySegment b, long i) {
            int bits = dtype.bits();
            long from = i * bits / 8;
            long end = (i * bits + bits + 7) / 8;
            return MemorySegment.mismatch(a, from, end, b, from, end) < 0;
        }

        private static String print(Dtype dtype, MemorySegment bytes, long i) {
            double value = Elements.get(dtype, bytes, i);
            return value == Math.rint(value) && Math.abs(value) < 1L << 53 && !dtype.isFloat()
                    ? Long.toString((long) value)
                    : dtype == Dtype.FLOAT64 ? Double.toString(value) : Float.toString((float) value);
        }

        Difference findDifference() {
            if (firstDifferent < 0) {
                return null;
            }
            long[] point = Box.whole(tensor.shape()).unflatten(firstDifferent);
            return new Difference(
                    Difference.Kind.VALUES,
                    tensor.name(),
                    tensor.state(),
                    left,
                    right,
                    point,
                    maxAbsolute,
                    different);
        }
    }
}
