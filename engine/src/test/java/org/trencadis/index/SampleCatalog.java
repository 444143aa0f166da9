package org.trencadis.index;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.trencadis.format.Digests;
import org.trencadis.format.Value;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;

/** A small catalog in which every record of an index stands at least twice, with everything that a record can say. */
public final class SampleCatalog {
    private final CatalogBuilder builder = new CatalogBuilder();
    private final int left;
    private final int right;
    private final int shard;

    private SampleCatalog() {
        left = builder.addFile(new FileEntry(
                false,
                "rank_0/model.pt",
                4096,
                66_306,
                1_001,
                1_700_000_000_123_456_789L,
                1_700_000_001_000_000_000L,
                null));
        right = builder.addFile(new FileEntry(
                false,
                "rank_1/model.pt",
                4096,
                66_306,
                1_002,
                1_700_000_000_223_456_789L,
                1_700_000_001_000_000_001L,
                digest("right")));
        shard = builder.addFile(new FileEntry(true, "", 8192, 0, 0, 0, 0, digest("shard")));
        builder.addFile(new FileEntry(true, "", 9000, 0, 0, 0, 0, digest("other shard")));
    }

    /** The bytes of the catalog's index file. */
    public static byte[] bytes() throws IOException {
        SampleCatalog sample = new SampleCatalog();
        try (CatalogBuilder builder = sample.builder) {
            sample.add();
            try (Catalog catalog = builder.build("sample")) {
                catalog.image().seal();
                return catalog.image().segment().toArray(ValueLayout.JAVA_BYTE);
            }
        }
    }

    private void add() throws IOException {
        addCutTensors();
        addBlend();
        addPaddedTensor();
        addStridedTensors();
        addSmallTensors();
        addRest();
    }

    /** A parameter in three states, cut by rows in two files; one replica by columns, one that is partial. */
    private void addCutTensors() throws IOException {
        int ranks = builder.addHolders(List.of(0L, 1L));
        int one = builder.addHolders(List.of(1L));
        int master = builder.addTensor("decoder.weight", "fp32", Dtype.FLOAT32, new long[] {4, 6});
        int copy = builder.addCopy(master, ranks);
        builder.addFragment(copy, rows(0, 2), -1, -1, left, 0, 48);
        builder.addFragment(copy, window(12, 7), -1, one, right, 64, 28);
        builder.addFragment(copy, window(19, 5), -1, one, right, 92, 12);
        builder.addExtent(left, 128, 8);
        builder.setRoot(master, digest("root of decoder.weight:fp32"));
        int replica = builder.addCopy(master, one);
        builder.addFragment(replica, columns(0, 3), -1, -1, right, 512, 48);
        builder.addFragment(replica, columns(3, 3), -1, -1, right, 560, 48);
        int partial = builder.addCopy(master, one);
        builder.addFragment(partial, window(8, 4), -1, -1, right, 640, 16);
        builder.addFragment(partial, window(16, 4), -1, -1, right, 656, 16);
        int moment = builder.addTensor("decoder.weight", "exp_avg", Dtype.FLOAT32, new long[] {4, 6});
        builder.addFragment(builder.addCopy(moment, -1), Region.whole(new long[] {4, 6}), -1, -1, shard, 0, 96);
        int model = builder.addTensor("decoder.weight", "model", Dtype.BFLOAT16, new long[] {4, 6});
        builder.addFragment(builder.addCopy(model, -1), Region.whole(new long[] {4, 6}), -1, -1, shard, 1, 48);
        builder.setDerived(model);
    }

    private static Region rows(long from, long count) {
        return Region.of(new Box(new long[] {from, 0}, new long[] {count, 6}));
    }

    private static Region columns(long from, long count) {
        return Region.of(new Box(new long[] {0, from}, new long[] {4, count}));
    }

    private static Region window(long start, long count) {
        return new Region(Box.whole(new long[] {4, 6}), start, count);
    }

    private void addBlend() throws IOException {
        int blend = builder.addTensor("norm.scale", "fp32", Dtype.FLOAT32, new long[] {5});
        for (int rank = 0; rank < 2; rank++) {
            int copy = builder.addCopy(blend, -1);
            builder.addFragment(copy, Region.whole(new long[] {5}), -1, -1, rank == 0 ? left : right, 1024, 20);
            builder.setCopyRoot(copy, digest("copy root " + rank));
        }
        builder.setBlend(blend);
        builder.setRoot(blend, digest("root of the mean"));
    }

    private void addPaddedTensor() throws IOException {
        int padded = builder.addTensor("embed.weight", "fp32", Dtype.FLOAT16, new long[] {3, 2});
        builder.addFragment(builder.addCopy(padded, -1), Region.whole(new long[] {3, 2}), -1, -1, left, 2048, 12);
        int margin = builder.addMargin(padded, -1);
        Region rows = Region.of(new Box(new long[] {3, 0}, new long[] {1, 2}));
        builder.addFragment(margin, rows, -1, -1, left, 2060, 4);
        builder.addAlias("head.weight", "embed.weight");
        builder.addAlias("tail.weight", "embed.weight");
    }

    private void addStridedTensors() throws IOException {
        int transposed = builder.addEncoding(new Encoding(false, false, false, new long[] {1, 3}));
        int reversed = builder.addEncoding(new Encoding(true, true, true, new long[] {-1}));
        int turned = builder.addTensor("turned", "model", Dtype.INT16, new long[] {3, 2});
        Region whole = Region.whole(new long[] {3, 2});
        builder.addFragment(builder.addCopy(turned, -1), whole, transposed, -1, left, 3000, 12);
        int back = builder.addTensor("waves", "model", Dtype.COMPLEX64, new long[] {4});
        Region line = Region.whole(new long[] {4});
        builder.addFragment(builder.addCopy(back, -1), line, reversed, -1, right, 3024, 32);
        int stream = builder.addEncoding(new Encoding(false, false, false, null, true, 1088));
        int packed = builder.addTensor("streamed", "model", Dtype.FLOAT32, new long[] {64});
        Region all = Region.whole(new long[] {64});
        builder.addFragment(builder.addCopy(packed, -1), all, stream, -1, right, 3100, 70);
    }

    private void addSmallTensors() throws IOException {
        int scalar = builder.addTensor("step", "model", Dtype.INT64, new long[0]);
        builder.addFragment(builder.addCopy(scalar, -1), Region.whole(new long[0]), -1, -1, left, 4088, 8);
        int empty = builder.addTensor("void", "model", Dtype.BOOL, new long[] {0, 7});
        builder.addCopy(empty, -1);
        int packed = builder.addTensor("packed", "model", Dtype.FLOAT4_E2M1FN, new long[] {3});
        builder.addFragment(builder.addCopy(packed, -1), Region.whole(new long[] {3}), -1, -1, left, 4000, 2);
    }

    private void addRest() {
        Value.Mapping settings = new Value.Mapping(List.of(
                entry("lr", new Value.Real(0.001)),
                entry("betas", new Value.Tuple(List.of(new Value.Real(0.9), new Value.Real(0.95)))),
                entry("step", new Value.Int(7))));
        builder.addGroup(new Group("decay", List.of("decoder.weight", "embed.weight"), false, settings));
        builder.addGroup(new Group("experts", List.of("norm.scale"), true, new Value.Mapping(List.of())));
        builder.addAttachment(new Attachment("args", "rank_0/model.pt", new Value.Text("sample")));
        builder.addAttachment(new Attachment("random", "rank_1/model.pt", new Value.Blob(new byte[] {1, 2, 3})));
        builder.addFinding("note", "made for tests");
        builder.addFinding("warning", "made for tests again");
        builder.addFact("source", new Value.Text("sample"));
        builder.addFact("tag", new Value.Text("global_step7"));
    }

    private static Value.Entry entry(String key, Value value) {
        return new Value.Entry(new Value.Text(key), value);
    }

    private static byte[] digest(String text) {
        return Digests.sha256().digest(text.getBytes(StandardCharsets.UTF_8));
    }
}
