package org.trencadis.container;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.trencadis.format.Value;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Group;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/**
 * A made-up training checkpoint in one foreign file: tensors with known bytes, each cut into flat windows that lie in
 * another order than the tensor's.
 */
final class Original implements AutoCloseable {
    /** Canonical bytes by {@code name:state/copy}. */
    final Map<String, byte[]> expected = new TreeMap<>();

    final CatalogBuilder builder = new CatalogBuilder();
    private final FileCache cache = new FileCache();
    private final Path base;
    private final Random random;
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();
    private final List<Placed> placed = new ArrayList<>();
    private Catalog catalog;
    private CheckpointFiles files;

    private record Placed(int copy, Region region, int holders, long offset, long bytes) {}

    Original(Path base, long seed) throws IOException {
        this.base = Files.createDirectories(base);
        this.random = new Random(seed);
    }

    byte[] noise(long bytes) {
        byte[] noise = new byte[Math.toIntExact(bytes)];
        random.nextBytes(noise);
        return noise;
    }

    /** Bytes that compress to less than half. */
    byte[] smooth(long bytes) {
        byte[] smooth = new byte[Math.toIntExact(bytes)];
        for (int at = 0; at < smooth.length; at++) {
            smooth[at] = (byte) (at % 4 < 2 ? 0 : random.nextInt(8));
        }
        return smooth;
    }

    /** Adds a tensor with one copy. */
    Original tensor(String name, String state, Dtype dtype, long[] shape, byte[] bytes) throws IOException {
        int tensor = builder.addTensor(name, state, dtype, shape);
        copy(tensor, name + ":" + state + "/0", dtype, shape, bytes, 0);
        return this;
    }

    /** Adds a copy that rank {@code rank} held. */
    void copy(int tensor, String key, Dtype dtype, long[] shape, byte[] bytes, long rank) {
        int copy = builder.addCopy(tensor, builder.addHolders(List.of(rank)));
        cut(copy, Region.whole(shape), dtype, bytes, rank);
        expected.putIfAbsent(key, bytes);
    }

    /** Adds rows beyond the shape. */
    void margin(int tensor, String key, Dtype dtype, Box rows, byte[] bytes) {
        cut(builder.addMargin(tensor, -1), Region.of(rows), dtype, bytes, 1);
        expected.put(key, bytes);
    }

    private void cut(int copy, Region whole, Dtype dtype, byte[] bytes, long rank) {
        long middle = whole.count() / 3;
        int holders = builder.addHolders(List.of(rank, rank + 1));
        for (long[] window : new long[][] {{middle, whole.count() - middle}, {0, middle}}) {
            if (window[1] > 0) {
                content.writeBytes(new byte[random.nextInt(7)]);
                int from = Math.toIntExact(dtype.bytes(window[0]));
                int length = Math.toIntExact(dtype.bytes(window[1]));
                placed.add(new Placed(copy, whole.part(window[0], window[1]), holders, content.size(), length));
                content.write(bytes, from, length);
            }
        }
    }

    /** A checkpoint with everything that a catalog can hold; about 12 MiB. */
    static Original rich(Path base, long seed) throws IOException {
        Original original = new Original(base, seed);
        for (String state : List.of("exp_avg", "exp_avg_sq", "fp32")) {
            original.tensor("a.weight", state, Dtype.FLOAT32, new long[] {700, 1000}, original.noise(2_800_000));
            original.tensor("b.bias", state, Dtype.FLOAT32, new long[] {10}, original.noise(40));
        }
        original.tensor("a.weight", "model", Dtype.BFLOAT16, new long[] {700, 1000}, original.noise(1_400_000));
        original.tensor("c.wide", "model", Dtype.UINT8, new long[] {9_000_001}, original.smooth(9_000_001));
        original.tensor("d.scalar", "model", Dtype.INT64, new long[0], original.noise(8));
        original.tensor("e.empty", "model", Dtype.FLOAT16, new long[] {3, 0, 2}, new byte[0]);
        int replicas = original.builder.addTensor("f.replicas", "model", Dtype.INT16, new long[] {50_000});
        byte[] same = original.noise(100_000);
        original.copy(replicas, "f.replicas:model/0", Dtype.INT16, new long[] {50_000}, same, 4);
        original.copy(replicas, "f.replicas:model/0", Dtype.INT16, new long[] {50_000}, same, 7);
        int blend = original.builder.addTensor("g.blend", "fp32", Dtype.FLOAT32, new long[] {30, 40});
        original.builder.setBlend(blend);
        for (int copy = 0; copy < 3; copy++) {
            byte[] bytes = original.noise(4800);
            for (int at = 3; at < bytes.length; at += 4) {
                bytes[at] = 63;
            }
            original.copy(blend, "g.blend:fp32/" + copy, Dtype.FLOAT32, new long[] {30, 40}, bytes, copy);
        }
        int padded = original.builder.addTensor("h.embed", "model", Dtype.FLOAT16, new long[] {100, 64});
        original.copy(padded, "h.embed:model/0", Dtype.FLOAT16, new long[] {100, 64}, original.noise(12_800), 0);
        Box rows = new Box(new long[] {100, 0}, new long[] {28, 64});
        original.margin(padded, "h.embed:model/1", Dtype.FLOAT16, rows, original.noise(3584));
        original.builder.addGroup(new Group(
                "decay",
                List.of("a.weight", "b.bias"),
                false,
                new Value.Mapping(List.of(new Value.Entry(new Value.Text("lr"), new Value.Real(0.5))))));
        original.builder.addAlias("tied.weight", "a.weight");
        original.builder.addAttachment(new Attachment("args", "part.bin", new Value.Text("attached")));
        original.builder.addFinding("test", "something a person should know");
        original.builder.addFact("source", new Value.Text("made-up"));
        return original;
    }

    /** Writes the file, builds the catalog, and opens it for reading. */
    Gatherer gatherer() throws IOException {
        if (catalog == null) {
            Path file = base.resolve("part.bin");
            Files.write(file, content.toByteArray());
            FileStamp stamp = FileStamp.of(file);
            int number = builder.addFile(new FileEntry(
                    false,
                    "part.bin",
                    stamp.sizeBytes(),
                    stamp.device(),
                    stamp.inode(),
                    stamp.mtimeNs(),
                    stamp.ctimeNs(),
                    null));
            for (Placed one : placed) {
                builder.addFragment(one.copy(), one.region(), -1, one.holders(), number, one.offset(), one.bytes());
            }
            builder.addFact("base", new Value.Text(base.toString()));
            catalog = builder.build("original");
            files = CheckpointFiles.open(catalog, base, null, cache);
        }
        return new Gatherer(catalog, files);
    }

    @Override
    public void close() throws IOException {
        if (catalog != null) {
            files.close();
            catalog.close();
        }
        builder.close();
        cache.close();
    }
}
