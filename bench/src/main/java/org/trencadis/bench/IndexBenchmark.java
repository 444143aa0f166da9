package org.trencadis.bench;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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
import org.trencadis.index.FileEntry;
import org.trencadis.index.IndexImage;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** An index of 10,000,000 fragments: opened, and asked for tensors by name. */
@State(Scope.Benchmark)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 1,
        jvmArgsAppend = {"-Xmx256m", "-XX:ActiveProcessorCount=1"})
public class IndexBenchmark {
    private static final int TENSORS = 10_000;
    private static final int FRAGMENTS = 1_000;
    private static final int STEP_BYTES = 1 << 26;

    private Path file;
    private FileCache cache;
    private Catalog catalog;
    private String[] names;
    private int next;

    @Setup
    public void setUp() throws IOException {
        file = Files.createTempFile("trencadis-bench", ".idx");
        write(file);
        names = new String[TENSORS];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < TENSORS; i++) {
            names[i] = name(random.nextInt(TENSORS));
        }
        cache = new FileCache();
        catalog = openCatalog();
    }

    private static void write(Path file) throws IOException {
        long started = System.nanoTime();
        try (CatalogBuilder builder = collect();
                Catalog built = builder.build("benchmark")) {
            built.image().seal();
            MemorySegment bytes = built.image().segment();
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                for (long at = 0; at < bytes.byteSize(); at += STEP_BYTES) {
                    long step = Math.min(STEP_BYTES, bytes.byteSize() - at);
                    channel.write(bytes.asSlice(at, step).asByteBuffer(), at);
                }
            }
        }
        System.out.printf(
                "# built, proved and wrote %,d fragments, %,d bytes, in %.1f s; peak anonymous memory %s%n",
                TENSORS * FRAGMENTS, Files.size(file), (System.nanoTime() - started) / 1e9, Memory.anonymousNow());
    }

    /** As ranks are read one after the other: each holds a window of every tensor. */
    private static CatalogBuilder collect() throws IOException {
        CatalogBuilder builder = new CatalogBuilder();
        int[] copies = new int[TENSORS];
        long[] shape = {FRAGMENTS, 4096};
        for (int tensor = 0; tensor < TENSORS; tensor++) {
            copies[tensor] = builder.copyOf(builder.addTensor(name(tensor), "fp32", Dtype.FLOAT32, shape));
        }
        for (int rank = 0; rank < FRAGMENTS; rank++) {
            int from = builder.addFile(new FileEntry(false, "rank_" + rank + ".pt", 1L << 40, 0, 0, 0, 0, null));
            for (int tensor = 0; tensor < TENSORS; tensor++) {
                Region row = Region.of(new Box(new long[] {rank, 0}, new long[] {1, 4096}));
                builder.addFragment(copies[tensor], row, -1, -1, from, 16_384L * tensor, 16_384);
            }
        }
        return builder;
    }

    private static String name(int tensor) {
        return "model.layers." + tensor / 10 + ".self_attention.linear_qkv." + tensor % 10 + ".weight";
    }

    private Catalog openCatalog() throws IOException {
        FileLease lease = cache.lease(file);
        return Catalog.over(IndexImage.open(file.toString(), lease.segment(), lease::close));
    }

    @TearDown
    public void tearDown() throws IOException {
        catalog.close();
        cache.close();
        Files.delete(file);
    }

    /** Maps and opens the index as a new process does, but for the JVM's start; the page cache is warm. */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    public int open() throws IOException {
        try (FileCache fresh = new FileCache();
                FileLease lease = fresh.lease(file);
                Catalog opened = Catalog.over(IndexImage.open(file.toString(), lease.segment(), () -> {}))) {
            return opened.tensorCount();
        }
    }

    /** The same and the first look-up, which checks every page that it touches. */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    public int openAndFindOne() throws IOException {
        try (FileCache fresh = new FileCache();
                FileLease lease = fresh.lease(file);
                Catalog opened = Catalog.over(IndexImage.open(file.toString(), lease.segment(), () -> {}))) {
            return opened.findTensor(nextName(), "fp32");
        }
    }

    /** A tensor by a random one of 10,000 names in an open index. */
    @Benchmark
    @BenchmarkMode(Mode.AverageTime)
    public int find() throws IOException {
        return catalog.findTensor(nextName(), "fp32");
    }

    private String nextName() {
        next = next + 1 == names.length ? 0 : next + 1;
        return names[next];
    }
}
