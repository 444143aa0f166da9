package org.trencadis;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.trencadis.index.Tensor;
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
        checkSelected(!pairs.isEmpty() || !onlyLeft.isEmpty() || !onlyRight.isEmpty());
        progress.start(pairs.stream().mapToLong(pair -> pair.left.bytes()).sum());
        addMissing(onlyLeft, Difference.Kind.ONLY_LEFT, found);
        addMissing(onlyRight, Difference.Kind.ONLY_RIGHT, found);
        addDifferent(pairs, found);
        found.sort(Comparator.comparing(Difference::subject).thenComparing(Difference::state));
        if (!filter.limits()) {
            RunStateDiff.add(left.catalog(), right.catalog(), found);
        }
        return found;
    }

    /**
     * The same for the weights alone, where one side holds nothing else: a weight is a module's tensor or, where that has
     * not the other side's type, the master that it is the rounding of.
     */
    List<Difference> runWeights() throws IOException {
        List<Difference> found = new ArrayList<>();
        List<Pair> pairs = new ArrayList<>();
        WeightNames mine = new WeightNames(left.catalog(), filter);
        WeightNames others = new WeightNames(right.catalog(), filter);
        checkSelected(!mine.names().isEmpty() || !others.names().isEmpty());
        for (String name : mine.names()) {
            if (others.has(name)) {
                pairs.add(pair(mine.weights(name), others.weights(name)));
            } else {
                addOnly(Difference.Kind.ONLY_LEFT, mine.weights(name).getFirst(), found);
            }
        }
        for (String name : others.names()) {
            if (!mine.has(name)) {
                addOnly(Difference.Kind.ONLY_RIGHT, others.weights(name).getFirst(), found);
            }
        }
        progress.start(pairs.stream().mapToLong(pair -> pair.left.bytes()).sum());
        addDifferent(pairs, found);
        found.sort(Comparator.comparing(Difference::subject).thenComparing(Difference::state));
        return found;
    }

    /** A selection that takes nothing would find anything equal. */
    private void checkSelected(boolean some) throws IOException {
        if (!some && filter.limits()) {
            throw left.nothingSelected(left.directory() + " or " + right.directory());
        }
    }

    /** Two of the same type, else the first of both. */
    private static Pair pair(List<Tensor> mine, List<Tensor> others) {
        for (Tensor one : mine) {
            for (Tensor other : others) {
                if (one.dtype() == other.dtype()) {
                    return new Pair(one, other);
                }
            }
        }
        return new Pair(mine.getFirst(), others.getFirst());
    }

    private static void addOnly(Difference.Kind kind, Tensor tensor, List<Difference> found) {
        boolean isLeft = kind == Difference.Kind.ONLY_LEFT;
        String text = tensor.dtype().torchName() + " " + Shapes.print(tensor.shape());
        found.add(Difference.ofTensor(kind, tensor, isLeft ? text : null, isLeft ? null : text));
    }

    /**
     * A derived tensor follows from its master, so that a checkpoint without it lacks nothing; nor does one lack what it
     * has tied to another tensor that is equal.
     */
    private void addMissing(List<Tensor> tensors, Difference.Kind kind, List<Difference> found) throws IOException {
        boolean isLeft = kind == Difference.Kind.ONLY_LEFT;
        Checkpoint holder = isLeft ? left : right;
        Checkpoint other = isLeft ? right : left;
        Map<String, String> targets = WeightNames.targets(other.catalog());
        for (Tensor tensor : tensors) {
            int tied = targets.containsKey(tensor.name())
                    ? other.catalog().findTensor(targets.get(tensor.name()), tensor.state())
                    : -1;
            if (!holder.isDerived(tensor)
                    && (tied < 0 || !isEqual(tensor, other.catalog().tensor(tied), isLeft))) {
                addOnly(kind, tensor, found);
            }
        }
    }

    private boolean isEqual(Tensor tensor, Tensor other, boolean isLeft) throws IOException {
        List<Difference> differences = new ArrayList<>();
        // Beside the pairs that progress counts.
        new DiffRun(left, right, filter, Progress.NONE)
                .addDifferent(List.of(isLeft ? new Pair(tensor, other) : new Pair(other, tensor)), differences);
        return differences.isEmpty();
    }

    private void addDifferent(List<Pair> pairs, List<Difference> found) throws IOException {
        List<Pair> comparable = new ArrayList<>();
        for (Pair pair : pairs) {
            Tensor a = pair.left;
            Tensor b = pair.right;
            if (!Arrays.equals(a.shape(), b.shape())) {
                found.add(Difference.ofTensor(
                        Difference.Kind.SHAPE, a, Shapes.print(a.shape()), Shapes.print(b.shape())));
            } else if (a.dtype() != b.dtype() && !isMasterAndWeight(a, b)) {
                found.add(Difference.ofTensor(
                        Difference.Kind.DTYPE,
                        a,
                        a.dtype().torchName(),
                        b.dtype().torchName()));
            } else {
                comparable.add(pair);
            }
        }
        List<org.trencadis.gather.Difference.Pair> ordinals = comparable.stream()
                .map(pair -> new org.trencadis.gather.Difference.Pair(pair.left.ordinal(), pair.right.ordinal()))
                .toList();
        var differences = org.trencadis.gather.Difference.ofPairs(
                left.gatherer(), right.gatherer(), ordinals, Checkpoint.defaultThreads(), progress::advance);
        for (int i = 0; i < differences.size(); i++) {
            if (!differences.get(i).isEqual()) {
                found.add(ofValues(comparable.get(i), differences.get(i)));
            }
        }
    }

    private static boolean isMasterAndWeight(Tensor a, Tensor b) {
        return !a.state().equals(b.state()) && org.trencadis.gather.Difference.isRounding(a.dtype(), b.dtype());
    }

    private Difference ofValues(Pair pair, org.trencadis.gather.Difference difference) throws IOException {
        long[] point = difference.firstPoint();
        return new Difference(
                Difference.Kind.VALUES,
                pair.left.name(),
                pair.left.state(),
                ElementText.of(left.gatherer(), pair.left, point),
                ElementText.of(right.gatherer(), pair.right, point),
                point,
                difference.largestAbsolute(),
                difference.differing());
    }
}
