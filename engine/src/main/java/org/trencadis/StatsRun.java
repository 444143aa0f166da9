package org.trencadis;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.Stats;
import org.trencadis.gather.Workers;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Fragment;
import org.trencadis.index.Tensor;

/** Looks at every element of some tensors. */
final class StatsRun {
    private final Gatherer gatherer;
    private final Progress progress;

    StatsRun(Gatherer gatherer, Progress progress) {
        this.gatherer = gatherer;
        this.progress = progress;
    }

    List<TensorStats> whole(List<Tensor> tensors) throws IOException {
        progress.start(tensors.stream().mapToLong(Tensor::bytes).sum());
        int[] ordinals = tensors.stream().mapToInt(Tensor::ordinal).toArray();
        List<Stats> stats = Stats.ofTensors(gatherer, ordinals, Checkpoint.defaultThreads(), progress::advance);
        List<TensorStats> named = new ArrayList<>();
        for (int i = 0; i < ordinals.length; i++) {
            Stats each = stats.get(i);
            named.add(new TensorStats(
                    tensors.get(i),
                    -1,
                    each.elements(),
                    each.nanCount(),
                    each.infiniteCount(),
                    each.least(),
                    each.greatest(),
                    each.mean(),
                    each.norm()));
        }
        return named;
    }

    /** What each rank held of each tensor: the fragments of all copies, by their holders. */
    List<TensorStats> perRank(List<Tensor> tensors) throws IOException {
        progress.start(tensors.stream().mapToLong(Tensor::bytes).sum());
        TensorStats[][] stats = new TensorStats[tensors.size()][];
        Workers.forEach(Checkpoint.defaultThreads(), tensors.size(), () -> () -> {}, (own, number) -> {
            Tensor tensor = tensors.get((int) number);
            stats[(int) number] = ranks(tensor);
            progress.advance(tensor.bytes());
        });
        List<TensorStats> all = new ArrayList<>();
        for (TensorStats[] each : stats) {
            all.addAll(List.of(each));
        }
        return all;
    }

    private TensorStats[] ranks(Tensor tensor) throws IOException {
        SortedMap<Long, Sums> sums = new TreeMap<>();
        Catalog catalog = gatherer.catalog();
        for (int number = 0; number < tensor.copyCount(); number++) {
            int copyNumber = number;
            Copy copy = catalog.copy(tensor, number);
            catalog.forEachFragment(copy, fragment -> {
                Sums own = new Sums(Stats.ofCopy(gatherer, tensor, copyNumber, fragment.region()));
                for (long rank : holders(copy, fragment)) {
                    sums.merge(rank, own, Sums::plus);
                }
            });
        }
        return sums.entrySet().stream()
                .map(entry -> entry.getValue().toStats(tensor, entry.getKey()))
                .toArray(TensorStats[]::new);
    }

    private List<Long> holders(Copy copy, Fragment fragment) throws IOException {
        return gatherer.catalog().holders(fragment.holders() >= 0 ? fragment.holders() : copy.holders());
    }

    /** What adds up over parts of a tensor. */
    private record Sums(
            long elements, long nans, long infinities, double least, double greatest, double sum, double squares) {
        Sums(Stats stats) {
            this(
                    stats.elements(),
                    stats.nanCount(),
                    stats.infiniteCount(),
                    stats.least(),
                    stats.greatest(),
                    finite(stats) == 0 ? 0 : stats.mean() * finite(stats),
                    stats.norm() * stats.norm());
        }

        private static long finite(Stats stats) {
            return stats.elements() - stats.nanCount() - stats.infiniteCount();
        }

        Sums plus(Sums other) {
            return new Sums(
                    elements + other.elements,
                    nans + other.nans,
                    infinities + other.infinities,
                    Double.isNaN(least) || other.least < least ? other.least : least,
                    Double.isNaN(greatest) || other.greatest > greatest ? other.greatest : greatest,
                    sum + other.sum,
                    squares + other.squares);
        }

        TensorStats toStats(Tensor tensor, long rank) {
            long finite = elements - nans - infinities;
            double mean = finite == 0 ? Double.NaN : sum / finite;
            return new TensorStats(tensor, rank, elements, nans, infinities, least, greatest, mean, Math.sqrt(squares));
        }
    }
}
