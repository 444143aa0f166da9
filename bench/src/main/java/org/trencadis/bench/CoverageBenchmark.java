package org.trencadis.bench;

import java.io.IOException;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Copy;
import org.trencadis.index.Coverage;
import org.trencadis.index.FileEntry;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** The coverage proof on one core with a heap of 256 MiB. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3)
@Measurement(iterations = 5)
@Fork(
        value = 1,
        jvmArgsAppend = {"-Xmx256m", "-XX:ActiveProcessorCount=1"})
public class CoverageBenchmark {
    private static final int TENSORS = 1024;
    private static final int SHARDS = 1024;
    private static final long[] SHAPE = {SHARDS * 4L, 64};

    private static final int GRID = 1000;
    private static final long[] GRID_SHAPE = {GRID * 3L, GRID * 5L};

    private Catalog catalog;
    private int[] order;

    @Setup
    public void setUp() throws IOException {
        try (CatalogBuilder builder = collect()) {
            catalog = builder.build("benchmark");
        }
        order = shuffled(GRID * GRID);
    }

    private static CatalogBuilder collect() throws IOException {
        CatalogBuilder builder = new CatalogBuilder();
        int file = builder.addFile(new FileEntry(false, "file", Long.MAX_VALUE, 0, 0, 0, 0, null));
        int[] copies = new int[TENSORS];
        for (int tensor = 0; tensor < TENSORS; tensor++) {
            copies[tensor] = builder.copyOf(builder.addTensor("layer." + tensor, "fp32", Dtype.FLOAT32, SHAPE));
        }
        long shardBytes = 4 * 4 * SHAPE[1];
        for (int shard = 0; shard < SHARDS; shard++) {
            for (int tensor = 0; tensor < TENSORS; tensor++) {
                Box box = new Box(new long[] {shard * 4L, 0}, new long[] {4, SHAPE[1]});
                long offset = ((long) shard * TENSORS + tensor) * shardBytes;
                builder.addFragment(copies[tensor], Region.of(box), -1, -1, file, offset, shardBytes);
            }
        }
        return builder;
    }

    private static int[] shuffled(int count) {
        int[] order = new int[count];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 1; i < count; i++) {
            int other = random.nextInt(i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        return order;
    }

    @TearDown
    public void tearDown() {
        catalog.close();
    }

    /** 1,024 tensors, each cut into 1,024 shards: every tensor of a catalog is proved. */
    @Benchmark
    public int tensorsTimesShards() throws IOException {
        int faults = 0;
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Copy copy = catalog.copy(catalog.tensor(ordinal), 0);
            Coverage.Fault fault = Coverage.findFault(
                    SHAPE, sink -> catalog.forEachFragment(copy, fragment -> sink.accept(fragment.region())));
            faults += fault == null ? 0 : 1;
        }
        return check(faults);
    }

    /** The same from the first {@code addTensor}: collecting, ordering, placing, proving. */
    @Benchmark
    public int buildTensorsTimesShards() throws IOException {
        try (CatalogBuilder builder = collect();
                Catalog built = builder.build("benchmark")) {
            return built.tensorCount();
        }
    }

    /** One tensor of 1,000,000 boxes that come in random order. */
    @Benchmark
    public int shuffledBoxes() throws IOException {
        Coverage.Fault fault = Coverage.findFault(GRID_SHAPE, sink -> {
            for (int cell : order) {
                long[] offsets = {cell / GRID * 3L, cell % GRID * 5L};
                sink.accept(Region.of(new Box(offsets, new long[] {3, 5})));
            }
        });
        return check(fault == null ? 0 : 1);
    }

    private static int check(int faults) {
        if (faults != 0) {
            throw new IllegalStateException("the benchmark's tensors are covered exactly once");
        }
        return faults;
    }
}
