package org.trencadis.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.trencadis.codec.Codec;
import org.trencadis.container.Container;
import org.trencadis.container.ImportOptions;
import org.trencadis.container.StoredCheckpoint;
import org.trencadis.gather.Gatherer;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/**
 * The load path: a matrix of 16 MiB, or a slice of it, from rank files that cut it by columns, and from a container.
 * Pages are cached and mapped.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(value = 1, jvmArgsAppend = "-Xmx256m")
public class LoadPathBenchmark {
    private SampleCheckpoint sample;
    private FileCache cache;
    private Container container;
    private StoredCheckpoint stored;
    private Gatherer gatherer;
    private Arena arena;
    private MemorySegment target;

    /** Where the elements lie: in rank files, or stored in a container in this way. */
    @Param({"ranks", "RAW", "LZ4", "ZSTD"})
    public String from;

    @Setup
    public void setUp() throws IOException {
        sample = SampleCheckpoint.create();
        cache = new FileCache();
        arena = Arena.ofShared();
        target = arena.allocate(SampleCheckpoint.TENSOR_BYTES, 4096);
        if (from.equals("ranks")) {
            gatherer = sample.gatherer();
            return;
        }
        container = Container.openOrCreate(sample.beside("store"), cache);
        container.importCheckpoint(sample.gatherer(), new ImportOptions("one", Codec.valueOf(from), 2), bytes -> {});
        stored = container.open("one");
        gatherer = new Gatherer(stored.catalog(), stored.files());
    }

    @TearDown
    public void tearDown() throws IOException {
        if (stored != null) {
            stored.close();
            container.close();
        }
        cache.close();
        sample.close();
        arena.close();
    }

    private MemorySegment gather(long row, long column, long rows, long columns) throws IOException {
        Region region = Region.of(new Box(new long[] {row, column}, new long[] {rows, columns}));
        gatherer.gather(gatherer.catalog().tensor(0), region, target);
        return target;
    }

    /** All 16 MiB: from ranks, a gather of 4,096 runs. */
    @Benchmark
    public MemorySegment whole() throws IOException {
        return gather(0, 0, SampleCheckpoint.ROWS, SampleCheckpoint.COLUMNS);
    }

    /** An eighth of the rows, 2 MiB: one run in a container. */
    @Benchmark
    public MemorySegment rows() throws IOException {
        return gather(128, 0, 128, SampleCheckpoint.COLUMNS);
    }

    /** An eighth of the columns, 2 MiB: 1,024 runs of 2 KiB wherever they lie. */
    @Benchmark
    public MemorySegment columns() throws IOException {
        return gather(0, 512, SampleCheckpoint.ROWS, 512);
    }

    /** One row as a view, where it lies in one run: no byte is copied. Null, and fast, where it does not. */
    @Benchmark
    public MemorySegment view() throws IOException {
        Region row = Region.of(new Box(new long[] {77, 0}, new long[] {1, SampleCheckpoint.COLUMNS}));
        return gatherer.findView(gatherer.catalog().tensor(0), row);
    }
}
