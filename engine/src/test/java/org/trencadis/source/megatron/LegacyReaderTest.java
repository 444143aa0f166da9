package org.trencadis.source.megatron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.format.Value;
import org.trencadis.index.Alias;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/** Made-up Megatron saves of every form: each element comes back at its place in the whole tensor. */
class LegacyReaderTest {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @TempDir
    Path scratch;

    private Path folder() throws IOException {
        Files.writeString(scratch.resolve("latest_checkpointed_iteration.txt"), "5\n");
        return scratch.resolve("iter_0000005");
    }

    private Checkpoint open(String layout) throws IOException {
        Path file = layout == null ? null : Files.writeString(scratch.resolve("layout.yaml"), layout);
        return Checkpoint.open(scratch, new OpenOptions(null, file));
    }

    private String refusal(String layout) {
        return assertThrows(IOException.class, () -> open(layout).close()).getMessage();
    }

    private void assertRefused(String layout, String expected) {
        String message = refusal(layout);
        assertTrue(message.contains(expected), message);
    }

    private static float[] floats(Checkpoint checkpoint, Tensor tensor) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(tensor.bytes(), 8);
            checkpoint.read(tensor, Region.whole(tensor.shape()), target);
            return target.toArray(FLOAT);
        }
    }

    /** Every whole tensor is there, in state model and, where {@code withState}, exp_avg; rows beyond words are margin. */
    private static void check(Checkpoint checkpoint, Map<String, long[]> whole, long words, boolean withState)
            throws IOException {
        TreeSet<String> expected = new TreeSet<>();
        for (Map.Entry<String, long[]> entry : whole.entrySet()) {
            for (String state : withState ? List.of("model", "exp_avg") : List.of("model")) {
                expected.add(entry.getKey() + ':' + state);
                int ordinal = checkpoint.catalog().findTensor(entry.getKey(), state);
                assertTrue(ordinal >= 0, entry.getKey());
                Tensor tensor = checkpoint.catalog().tensor(ordinal);
                long[] shape = entry.getValue().clone();
                boolean vocabulary = entry.getKey().contains("word_embeddings")
                        || entry.getKey().startsWith("output");
                shape[0] = vocabulary ? words : shape[0];
                assertArrayEquals(shape, tensor.shape(), entry.getKey());
                float[] values = LegacySave.values(entry.getKey(), shape);
                assertArrayEquals(values, floats(checkpoint, tensor), entry.getKey());
                assertEquals(vocabulary && words < entry.getValue()[0], tensor.marginCount() > 0, entry.getKey());
            }
        }
        TreeSet<String> found = new TreeSet<>();
        for (int i = 0; i < checkpoint.catalog().tensorCount(); i++) {
            found.add(checkpoint.catalog().tensor(i).name()
                    + ':'
                    + checkpoint.catalog().tensor(i).state());
        }
        assertEquals(expected, found);
    }

    private void vocabulary(LegacySave save) {
        save.args.putAll(LegacySave.dict(
                "vocab_size",
                10,
                "padded_vocab_size",
                16,
                "make_vocab_size_divisible_by",
                16 / save.tp(),
                "tokenizer_type",
                "NullTokenizer",
                "hidden_size",
                4,
                "swiglu",
                true));
    }

    private static void feedForward(LegacySave save, Map<Object, Object> model, int local, int global, int t) {
        String from = "decoder.layers." + global + '.';
        String to = "decoder.layers." + local + '.';
        save.put(model, from, to, "mlp.linear_fc1.weight", 0, 2, t, 16, 4);
        save.put(model, from, to, "mlp.linear_fc2.weight", 1, 1, t, 4, 8);
    }

    /** Virtual stages: counts by depth, piece by piece. */
    private LegacySave pipeline(int tp, int pp, int pieces, int[] counts, boolean tied, Object... more)
            throws IOException {
        LegacySave save = new LegacySave(tp);
        vocabulary(save);
        save.args.putAll(LegacySave.dict("tensor_model_parallel_size", tp, "pipeline_model_parallel_size", pp));
        save.args.put("untie_embeddings_and_output_weights", !tied);
        save.args.putAll(LegacySave.dict(more));
        for (int p = 0; p < pp; p++) {
            for (int t = 0; t < tp; t++) {
                Map<Object, Object> content = new LinkedHashMap<>();
                Map<?, ?>[] models = new Map<?, ?>[pieces];
                for (int piece = 0; piece < pieces; piece++) {
                    int depth = piece * pp + p;
                    int first = 0;
                    for (int i = 0; i < depth; i++) {
                        first += counts[i];
                    }
                    models[piece] = piece(save, depth == 0, depth == pp * pieces - 1, counts[depth], first, t, tied);
                    content.put(pieces == 1 ? "model" : "model" + piece, models[piece]);
                }
                content.put("optimizer", LegacySave.optimizer(models));
                String name = String.format(Locale.ROOT, "mp_rank_%02d", t);
                save.write(folder().resolve(pp > 1 ? name + String.format(Locale.ROOT, "_%03d", p) : name), content);
            }
        }
        return save;
    }

    private static Map<Object, Object> piece(
            LegacySave save, boolean first, boolean last, int layers, int from, int t, boolean tied) {
        Map<Object, Object> model = new LinkedHashMap<>();
        String embedding = "embedding.word_embeddings.weight";
        if (first) {
            model.put(embedding, save.shard(embedding, 0, 1, t, 16, 4));
        }
        for (int layer = 0; layer < layers; layer++) {
            model.putAll(save.layer(layer, from + layer, t));
            feedForward(save, model, layer, from + layer, t);
        }
        if (last) {
            save.put(model, "", "", "decoder.final_layernorm.weight", -1, 1, t, 4);
            model.put("output_layer.weight", save.shard(tied ? embedding : "output_layer.weight", 0, 1, t, 16, 4));
        }
        return model;
    }

    @Test
    void virtualStagesTakeTurnsThroughTheModel() throws IOException {
        LegacySave save = pipeline(2, 2, 2, new int[] {2, 2, 2, 2}, false, "num_layers", 8);
        try (Checkpoint checkpoint = open(null)) {
            check(checkpoint, save.whole, 11, true);
            List<Group> groups = checkpoint.catalog().groups();
            assertEquals(2, groups.size());
            assertEquals(2 + 4 * 8, groups.getFirst().parameters().size());
            assertTrue(groups.getLast().parameters().contains("decoder.layers.5.self_attention.linear_qkv.bias"));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1 3 3 2, decoder_first_pipeline_num_layers, 1, decoder_last_pipeline_num_layers, 2",
        "1 2 2 1, account_for_embedding_in_pipeline_split, true, account_for_loss_in_pipeline_split, true",
        "1 0 2 3, pipeline_model_parallel_layout, Et||tt|t*3L, num_layers, 6",
        "2 2 2 2, num_layers, 8, num_layers, 8"
    })
    void unevenStagesAreNumberedAsMegatronDoes(String layers, String one, String first, String other, String second)
            throws IOException {
        int[] counts =
                Arrays.stream(layers.split(" ")).mapToInt(Integer::parseInt).toArray();
        LegacySave save = pipeline(
                1,
                4,
                1,
                counts,
                false,
                "num_layers",
                Arrays.stream(counts).sum(),
                one,
                argument(first),
                other,
                argument(second));
        try (Checkpoint checkpoint = open(null)) {
            check(checkpoint, save.whole, 11, true);
        }
    }

    private static Object argument(String text) {
        return text.equals("true") ? (Object) true : text.matches("\\d+") ? (Object) Integer.valueOf(text) : text;
    }

    @Test
    void stagesThatTheArgumentsDoNotExplainNeedALayout() throws IOException {
        LegacySave save = pipeline(1, 2, 1, new int[] {3, 1}, false, "num_layers", 4);
        String message = refusal(null);
        assertTrue(message.contains("stage 0 2 layers") && message.contains("--source-layout"), message);
        String layout = "trencadis: 1\npipeline: {stages: [3, 1]}\n";
        try (Checkpoint checkpoint = open(layout)) {
            Map<String, long[]> whole = new LinkedHashMap<>(save.whole);
            assertTrue(checkpoint.catalog().findTensor("decoder.layers.3.mlp.linear_fc1.weight", "model") >= 0);
            assertEquals(2 * whole.size(), checkpoint.catalog().tensorCount());
        }
        assertRefused(layout.replace("[3, 1]", "[2, 1, 1]"), "lists 3");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void tiedOutputLayerIsAnAliasAndItsCopyAReplica(int tp) throws IOException {
        LegacySave save = pipeline(tp, 2, 1, new int[] {1, 1}, true, "num_layers", 2);
        try (Checkpoint checkpoint = open(null)) {
            check(checkpoint, save.whole, 11, true);
            assertEquals(
                    List.of(new Alias("output_layer.weight", "embedding.word_embeddings.weight")),
                    checkpoint.catalog().aliases());
            Tensor embedding = checkpoint
                    .catalog()
                    .tensor(checkpoint.catalog().findTensor("embedding.word_embeddings.weight", "model"));
            assertEquals(2, embedding.copyCount());
            assertEquals(2, embedding.marginCount());
        }
    }

    /** Experts over two expert-parallel ranks, one module each or all in two matrices. */
    @ParameterizedTest
    @CsvSource({"1, 1, false", "2, 1, false", "2, 2, false", "2, 2, true", "1, 2, true"})
    void expertsAreNumberedOrJoinedOverExpertParallelRanks(int tp, int pp, boolean grouped) throws IOException {
        LegacySave save = new LegacySave(tp);
        vocabulary(save);
        save.args.putAll(LegacySave.dict(
                "num_experts",
                4,
                "expert_model_parallel_size",
                2,
                "tensor_model_parallel_size",
                tp,
                "pipeline_model_parallel_size",
                pp,
                "num_layers",
                2,
                "world_size",
                4 * tp * pp));
        for (int p = 0; p < pp; p++) {
            for (int t = 0; t < tp; t++) {
                for (int e = 0; e < 2; e++) {
                    Map<Object, Object> model = new LinkedHashMap<>();
                    for (int layer = 0; layer < 2 / pp; layer++) {
                        int global = p * (2 / pp) + layer;
                        model.putAll(save.layer(layer, global, t));
                        experts(save, model, layer, global, t, e, grouped);
                    }
                    String stage = pp > 1 ? String.format(Locale.ROOT, "_%03d", p) : "";
                    String name = String.format(Locale.ROOT, "mp_rank_%02d%s_%03d", t, stage, e);
                    save.write(folder().resolve(name), LegacySave.dict("model", model));
                }
            }
        }
        try (Checkpoint checkpoint = open(null)) {
            check(checkpoint, save.whole, 11, false);
            int router = checkpoint.catalog().findTensor("decoder.layers.1.mlp.router.weight", "model");
            assertEquals(2 * tp, checkpoint.catalog().tensor(router).copyCount());
        }
    }

    /** Experts cut among fewer ranks than all else: the folders are those of the first ranks that hold all experts once. */
    @ParameterizedTest
    @CsvSource({"2, 1, 2", "2, 1, 4", "4, 2, 2", "4, 2, 4"})
    void expertsMayBeCutAmongFewerRanks(int tp, int etp, int ep) throws IOException {
        LegacySave save = new LegacySave(tp);
        LegacySave cut = new LegacySave(etp);
        vocabulary(save);
        save.args.putAll(LegacySave.dict("num_experts", 4, "expert_model_parallel_size", ep, "num_layers", 1));
        save.args.putAll(LegacySave.dict("tensor_model_parallel_size", tp, "expert_tensor_parallel_size", etp));
        save.args.put("world_size", 2 * etp * ep);
        for (int rank = 0; rank < etp * ep; rank++) {
            int e = rank / etp;
            Map<Object, Object> model = new LinkedHashMap<>(save.layer(0, 0, rank % tp));
            String layer = "decoder.layers.0.mlp.";
            save.put(model, layer, layer, "router.weight", -1, 1, 0, 4, 4);
            for (int expert = 0; expert < 4 / ep; expert++) {
                String whole = layer + "experts.local_experts." + (4 / ep * e + expert) + '.';
                String local = layer + "experts.local_experts." + expert + '.';
                cut.put(model, whole, local, "linear_fc1.weight", 0, 2, rank % etp, 16, 4);
                cut.put(model, whole, local, "linear_fc2.weight", 1, 1, rank % etp, 4, 8);
            }
            String name = String.format(Locale.ROOT, "mp_rank_%02d_%03d", rank % tp, e);
            save.write(folder().resolve(name), LegacySave.dict("model", model));
        }
        Map<String, long[]> all = new LinkedHashMap<>(save.whole);
        all.putAll(cut.whole);
        try (Checkpoint checkpoint = open(null)) {
            check(checkpoint, all, 11, false);
            Tensor expert = checkpoint
                    .catalog()
                    .tensor(checkpoint
                            .catalog()
                            .findTensor("decoder.layers.0.mlp.experts.local_experts.3.linear_fc2.weight", "model"));
            assertEquals(1, expert.copyCount());
        }
        save.args.put("expert_tensor_parallel_size", 2 * tp);
        save.write(folder().resolve("mp_rank_00_000"), LegacySave.dict("model", Map.of()));
        assertRefused(null, "several ranks wrote each folder");
    }

    private static void experts(
            LegacySave save, Map<Object, Object> model, int layer, int global, int t, int e, boolean grouped) {
        String from = "decoder.layers." + global + ".mlp.";
        String to = "decoder.layers." + layer + ".mlp.";
        save.put(model, from, to, "router.weight", -1, 1, t, 4, 4);
        if (grouped) {
            grouped(save, model, from, to, t, e);
            return;
        }
        for (int expert = 0; expert < 2; expert++) {
            String whole = from + "experts.local_experts." + (2 * e + expert) + '.';
            String local = to + "experts.local_experts." + expert + '.';
            save.put(model, whole, local, "linear_fc1.weight", 0, 2, t, 16, 4);
            save.put(model, whole, local, "linear_fc2.weight", 1, 1, t, 4, 8);
        }
    }

    /** Matrices that are a stack of experts seen flat: rows of weight1 and columns of weight2 are not what they seem. */
    private static void grouped(LegacySave save, Map<Object, Object> model, String from, String to, int t, int e) {
        for (int dim : new int[] {2, 1}) {
            long[] whole = dim == 2 ? new long[] {4, 4, 16} : new long[] {4, 8, 4};
            String name = dim == 2 ? "experts.weight1" : "experts.weight2";
            Value.Tensor all = (Value.Tensor) save.shard(from + name, dim, dim == 2 ? 2 : 1, t, whole);
            byte[] bytes = all.bytes().value();
            byte[] half = Arrays.copyOfRange(bytes, e * bytes.length / 2, (e + 1) * bytes.length / 2);
            long other = half.length / 4 / 4;
            List<Long> shape = dim == 2 ? List.of(4L, other) : List.of(other, 4L);
            model.put(to + name, new Value.Tensor(all.dtypeCode(), shape, new Value.Blob(half)));
        }
    }

    @Test
    void parameterThatNoRuleMatchesIsTakenOnlyWhereRanksHoldTheSame() throws IOException {
        for (boolean same : new boolean[] {true, false}) {
            LegacySave save = new LegacySave(2);
            save.args.putAll(LegacySave.dict("tensor_model_parallel_size", 2, "num_layers", 0));
            for (int t = 0; t < 2; t++) {
                Map<Object, Object> model = new LinkedHashMap<>();
                save.put(model, "", "", "odd.weight", same ? -1 : 0, 1, t, 6, 2);
                save.write(folder().resolve("mp_rank_0" + t), LegacySave.dict("model", model));
            }
            if (same) {
                open(null).close();
            } else {
                String message = refusal(null);
                assertTrue(message.contains("odd.weight") && message.contains("shard: {dim: 0}"), message);
                String layout = "trencadis: 1\nrules: [{match: odd, shard: {dim: 0}}]";
                try (Checkpoint checkpoint = open(layout)) {
                    check(checkpoint, save.whole, 11, false);
                }
                assertRefused(layout.replace("odd", "even"), "no rule of");
            }
        }
    }

    @Test
    void presetMayBeNamedAndArgumentsMayBeMissing() throws IOException {
        LegacySave save = pipeline(2, 1, 1, new int[] {1}, false);
        save.args.clear();
        for (int t = 0; t < 2; t++) {
            Map<Object, Object> model = piece(save, true, true, 1, 0, t, false);
            save.write(folder().resolve("mp_rank_0" + t), LegacySave.dict("model", model));
        }
        assertRefused(null, "gpt, llama, mixtral");
        try (Checkpoint checkpoint = Checkpoint.open(scratch, new OpenOptions(null, Path.of("llama")))) {
            check(checkpoint, save.whole, 16, false);
        }
    }

    @Test
    void incompleteAndStrangeDirectoriesAreNamed() throws IOException {
        pipeline(2, 2, 1, new int[] {1, 1}, false, "num_layers", 2);
        Files.delete(folder().resolve("mp_rank_01_001/model_optim_rng.pt"));
        assertRefused(null, "3 ranks");
        Files.writeString(scratch.resolve("latest_checkpointed_iteration.txt"), "6");
        assertRefused(null, "iter_0000006");
        Files.writeString(scratch.resolve("latest_checkpointed_iteration.txt"), "../../etc");
        assertRefused(null, "'release'");
    }

    @Test
    void argumentsThatCannotBeTrueAreRefused() throws IOException {
        for (Object[] hostile : new Object[][] {
            {"tensor_model_parallel_size", 1L << 40},
            {"tensor_model_parallel_size", 0},
            {"pipeline_model_parallel_size", -1},
            {"num_layers", 1L << 40},
            {"num_layers", 1, "pipeline_model_parallel_layout", "(t)*9999"},
            {"expert_model_parallel_size", 1 << 20},
        }) {
            pipeline(1, 1, 1, new int[] {2}, false, hostile);
            refusal(null);
        }
    }
}
