package org.trencadis.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
import org.trencadis.container.ImportReport;
import org.trencadis.gather.PieceWalk;
import org.trencadis.storage.FileCache;

/** The save path: 256 MiB gathered, hashed, written to a new container and committed; and the same without writing. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3)
@Measurement(iterations = 7)
@Fork(value = 1, jvmArgsAppend = "-Xmx256m")
public class SavePathBenchmark {
    private static final int THREADS = 2;

    private SampleCheckpoint sample;
    private Path container;

    /** How chunks are stored. */
    @Param({"RAW", "LZ4", "ZSTD"})
    public Codec codec;

    @Setup
    public void setUp() throws IOException {
        sample = SampleCheckpoint.create();
        container = sample.beside("store");
    }

    @TearDown(Level.Iteration)
    public void deleteContainer() throws IOException {
        SampleCheckpoint.delete(container);
    }

    @TearDown
    public void tearDown() throws IOException {
        sample.close();
    }

    /** To durability: shards, index and twin are forced. */
    @Benchmark
    public ImportReport importAll() throws IOException {
        try (FileCache cache = new FileCache();
                Container created = Container.openOrCreate(container, cache)) {
            return created.importCheckpoint(sample.gatherer(), new ImportOptions("one", codec, THREADS), bytes -> {});
        }
    }

    /** The pass behind it alone: every byte gathered and hashed, nothing written. */
    @Benchmark
    public Object digestAll() throws IOException {
        return new PieceWalk(sample.gatherer(), THREADS).run(null, bytes -> {});
    }
}
