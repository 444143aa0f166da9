package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** Looks at every element of some tensors once. Each tensor is summed by one thread in order: sums do not vary. */
final class StatsRun {
    private final Checkpoint checkpoint;
    private final Progress progress;

    StatsRun(Checkpoint checkpoint, Progress progress) {
        this.checkpoint = checkpoint;
        this.progress = progress;
    }

    List<TensorStats> run(List<Tensor> tensors, boolean perRank) throws IOException {
        progress.start(tensors.stream().mapToLong(Tensor::bytes).sum());
        List<List<TensorStats>> results = new ArrayList<>();
        tensors.forEach(tensor -> results.add(List.of()));
        Workers.run(Checkpoint.defaultThreads(), tensors.size(), PieceBuffer::new, (buffer, number) -> {
            Tensor tensor = tensors.get((int) number);
            List<TensorStats> stats = perRank ? ranks(tensor, buffer.bytes()) : List.of(whole(tensor, buffer.bytes()));
            synchronized (results) {
                results.set((int) number, stats);
            }
        });
        return results.stream().flatMap(List::stream).toList();
    }

    private TensorStats whole(Tensor tensor, MemorySegment buffer) throws IOException {
        Sums sums = new Sums();
        Pieces.forEach(tensor, (first, count, bytes) -> {
            MemorySegment piece = buffer.asSlice(0, bytes);
            checkpoint.read(tensor, new Region(Box.whole(tensor.shape()), first, count), piece);
            sums.add(tensor.dtype(), piece, count);
            progress.advance(bytes);
        });
        return sums.toStats(tensor, -1);
    }

    /** What each rank held: the fragments of all copies, by their holders. */
    private List<TensorStats> ranks(Tensor tensor, MemorySegment buffer) throws IOException {
        SortedMap<Long, Sums> sums = new TreeMap<>();
        Catalog catalog = checkpoint.catalog();
        for (int number = 0; number < tensor.copyCount(); number++) {
            int copyNumber = number;
            Copy copy = catalog.copy(tensor, number);
            catalog.forEachFragment(copy, fragment -> {
                Sums own = new Sums();
                addFragment(tensor, copyNumber, fragment, buffer, own);
                int holders = fragment.holders() >= 0 ? fragment.holders() : copy.holders();
                for (long rank : catalog.holders(holders)) {
                    sums.computeIfAbsent(rank, key -> new Sums()).add(own);
                }
            });
        }
        List<TensorStats> stats = new ArrayList<>();
        sums.forEach((rank, own) -> stats.add(own.toStats(tensor, rank)));
        return stats;
    }

    private void addFragment(Tensor tensor, int copy, Fragment fragment, MemorySegment buffer, Sums sums)
            throws IOException {
        Region region = fragment.region();
        long step = Pieces.elements(tensor);
        for (long done = 0; done < region.count(); done += step) {
            long count = Math.min(step, region.count() - done);
            long bytes = tensor.dtype().bytes(count);
            MemorySegment piece = buffer.asSlice(0, bytes);
            checkpoint.readCopy(tensor, copy, new Region(region.box(), region.start() + done, count), piece);
            sums.add(tensor.dtype(), piece, count);
            progress.advance(bytes);
        }
    }

    /** Running sums over elements. */
    private static final class Sums {
        private long elements;
        private long nan;
        private long inf;
        private double min = Double.NaN;
        private double max = Double.NaN;
        private double sum;
        private double squares;

        void add(Dtype dtype, MemorySegment bytes, long count) {
            elements += count;
            if (!Elements.areNumbers(dtype)) {
                return;
            }
            for (long i = 0; i < count; i++) {
                add(Elements.get(dtype, bytes, i));
            }
        }

        private void add(double value) {
            if (Double.isNaN(value)) {
                nan++;
            } else if (Double.isInfinite(value)) {
                inf++;
            } else {
                // Written so that the first finite value replaces the NaN.
                min = value >= min ? min : value;
                max = value <= max ? max : value;
                sum += value;
                squares += value * value;
            }
        }

        void add(Sums other) {
            elements += other.elements;
            nan += other.nan;
            inf += other.inf;
            min = other.min >= min || Double.isNaN(other.min) ? min : other.min;
            max = other.max <= max || Double.isNaN(other.max) ? max : other.max;
            sum += other.sum;
            squares += other.squares;
        }

        TensorStats toStats(Tensor tensor, long rank) {
            boolean known = Elements.areNumbers(tensor.dtype()) && elements > nan + inf;
            double mean = known ? sum / (elements - nan - inf) : Double.NaN;
            double norm = known ? Math.sqrt(squares) : Double.NaN;
            return new TensorStats(tensor, rank, elements, nan, inf, min, max, mean, norm);
        }
    }
}
