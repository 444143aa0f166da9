package org.trencadis.container;

import java.io.IOException;
import java.util.Arrays;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;

/**
 * The byte strings that an import stores, in the order of the catalog: of each tensor its one copy, or each copy of a
 * blend, then its margins. A run may be empty.
 */
final class RunList {
    /** First run of each tensor, and the number of runs after the last one. */
    private final int[] firstRuns;
    /** Stored copies of each tensor; margins follow. */
    private final int[] storedCopies;

    private long[] bytes;

    private RunList(int tensorCount) {
        this.firstRuns = new int[tensorCount + 1];
        this.storedCopies = new int[tensorCount];
        this.bytes = new long[tensorCount];
    }

    /** The runs of everything that {@code source} reads. */
    static RunList of(Gatherer source) throws IOException {
        Catalog catalog = source.catalog();
        RunList runs = new RunList(catalog.tensorCount());
        int count = 0;
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            runs.firstRuns[ordinal] = count;
            runs.storedCopies[ordinal] = tensor.blend() ? tensor.copyCount() : 1;
            for (int copy = 0; copy < runs.storedCopies[ordinal]; copy++) {
                runs.set(count++, tensor.bytes());
            }
            for (int margin = 0; margin < tensor.marginCount(); margin++) {
                long elements =
                        source.copyRegion(tensor, tensor.copyCount() + margin).count();
                runs.set(count++, tensor.dtype().bytes(elements));
            }
        }
        runs.firstRuns[catalog.tensorCount()] = count;
        return runs;
    }

    private void set(int run, long runBytes) {
        if (run == bytes.length) {
            bytes = Arrays.copyOf(bytes, run + run / 2 + 16);
        }
        bytes[run] = runBytes;
    }

    int count() {
        return firstRuns[storedCopies.length];
    }

    /** Decoded bytes of a run. */
    long bytes(int run) {
        return bytes[run];
    }

    long totalBytes() {
        long total = 0;
        for (int run = 0; run < count(); run++) {
            total += bytes[run];
        }
        return total;
    }

    /** The run of copy {@code copy} of {@code tensor}; from {@code copyCount} on, of its margins. */
    int run(Tensor tensor, int copy) {
        int number = copy < tensor.copyCount() ? copy : storedCopies[tensor.ordinal()] + copy - tensor.copyCount();
        return firstRuns[tensor.ordinal()] + number;
    }

    /** How many copies of {@code tensor} are stored. */
    int storedCopies(Tensor tensor) {
        return storedCopies[tensor.ordinal()];
    }
}
