package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.trencadis.source.SavedDicts.dict;
import static org.trencadis.source.SavedDicts.tensor;
import static org.trencadis.source.deepspeed.TinySave.count;
import static org.trencadis.source.deepspeed.TinySave.join;
import static org.trencadis.source.deepspeed.TinySave.shape;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.source.SavedDicts;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileCache;

/** What the real checkpoints do not show: other optimizers, shared heads, contradictions, what is left ambiguous. */
class DeepSpeedRulesTest {
    private static final String MODEL = "mp_rank_00_model_states.pt";

    @TempDir
    private Path root;

    private final FileCache cache = new FileCache();

    private Catalog open() throws IOException {
        return Fixtures.open(root, cache);
    }

    private String refusal() {
        return assertThrows(SourceException.class, () -> open().close()).getMessage();
    }

    private static byte[] bytes(Catalog catalog, String name, String state) throws IOException {
        Tensor tensor = catalog.tensor(catalog.findTensor(name, state));
        return new NaiveGather(catalog).bytes(tensor, 0, tensor.shape());
    }

    private static TreeSet<String> codes(Catalog catalog) throws IOException {
        TreeSet<String> codes = new TreeSet<>();
        for (Finding finding : catalog.findings()) {
            codes.add(finding.code());
        }
        return codes;
    }

    private static Map<Object, Object> adam(float[] first, int step) {
        return dict("step", step, "exp_avg", first, "exp_avg_sq", first);
    }

    /** One parameter of two elements on one rank, whose optimizer has {@code states}. */
    private TinySave single(Map<Object, Object> states) throws IOException {
        return new TinySave(root)
                .model(MODEL, 1, 1, List.of(dict("w", shape(2))), dict("w", count(1, 2)))
                .optimizer(0, 0, List.of(count(1, 2)), List.of(states));
    }

    @Test
    void statesOfAnyOptimizerAreReadUnderTheirOwnNames() throws IOException {
        new TinySave(root)
                .model(MODEL, 1, 1, List.of(dict("w", shape(32))), dict("w", count(1, 32)))
                .optimizer(
                        0,
                        0,
                        List.of(count(1, 32)),
                        List.of(dict(
                                "step",
                                tensor(shape(), 2.5f),
                                "momentum_buffer",
                                count(50, 32),
                                "mu_product",
                                tensor(shape(), 0.75f),
                                "qmap",
                                count(0, 4))));
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(count(50, 32)), bytes(catalog, "w", "momentum_buffer"));
            assertEquals(List.of("fp32", "model", "momentum_buffer"), catalog.states());
            Group group = catalog.groups().getFirst();
            assertEquals(new Value.Real(2.5), group.settings().find("step"));
            assertTrue(catalog.attachments().stream()
                    .anyMatch(attachment -> attachment.name().endsWith(".state.0.mu_product")));
            assertEquals(new TreeSet<>(List.of("deepspeed.side-table")), codes(catalog));
        }
    }

    @Test
    void partitionOfAnotherLengthIsNamed() throws IOException {
        single(adam(count(1, 2), 1)).optimizer(0, 0, List.of(count(1, 3)), List.of(adam(count(1, 3), 1)));
        assertTrue(refusal().contains("zero_pp_rank_0_mp_rank_00_optim_states.pt"));
        assertTrue(refusal().contains("has 3 elements"));
    }

    @Test
    void stepsThatDisagreeAreNamed() throws IOException {
        new TinySave(root)
                .model(MODEL, 2, 1, List.of(dict("w", shape(4))), dict("w", count(1, 4)))
                .optimizer(0, 0, List.of(count(1, 2)), List.of(adam(count(1, 2), 1)))
                .optimizer(1, 0, List.of(count(3, 2)), List.of(adam(count(3, 2), 9)));
        assertTrue(refusal().contains("step of parameter w is 9"));
    }

    @Test
    void stepsOfEachParameterStandInAGroupThatDoesNotAgree() throws IOException {
        new TinySave(root)
                .model(
                        MODEL,
                        2,
                        1,
                        List.of(dict("v", shape(2), "w", shape(2))),
                        dict("v", count(1, 2), "w", count(3, 2)))
                .optimizer(0, 0, List.of(count(1, 2)), List.of(adam(count(1, 2), 1)))
                .optimizer(1, 0, List.of(count(3, 2)), List.of(adam(count(3, 2), 9)));
        try (Catalog catalog = open()) {
            Value.Mapping settings = catalog.groups().getFirst().settings();
            assertEquals(null, settings.find("step"));
            Value.Mapping steps = (Value.Mapping) settings.find("steps");
            assertEquals(new Value.Int(1), steps.find("v"));
            assertEquals(new Value.Int(9), steps.find("w"));
        }
    }

    /** Two tensor-parallel ranks that hold one parameter each, of the same shape. */
    private void sharded(long[] shape, float[] first, float[] second, Object... more) throws IOException {
        TinySave save = new TinySave(root);
        float[][] shards = {first, second};
        for (int t = 0; t < 2; t++) {
            save.model(
                    "mp_rank_0" + t + "_model_states.pt",
                    1,
                    2,
                    List.of(dict("w", shape)),
                    dict("w", tensor(shape, shards[t])),
                    more);
            save.optimizer(0, t, List.of(shards[t]), List.of(adam(shards[t], 1)));
        }
    }

    @Test
    void tensorParallelShardsWithoutDeclarationAreRefused() throws IOException {
        sharded(shape(2, 2), count(0, 4), count(4, 4));
        assertTrue(refusal().contains("parameter w"));
        assertTrue(refusal().contains("--source-layout"));
    }

    @Test
    void shardsThatNoPatternNamesAreJoinedByDefaultWithAFinding() throws IOException {
        sharded(
                shape(2, 2),
                count(0, 4),
                count(4, 4),
                "universal_checkpoint_info",
                dict("universal_checkpoint_version", 0.4));
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(count(0, 8)), bytes(catalog, "w", "exp_avg"));
            assertEquals(new TreeSet<>(List.of("deepspeed.joined-by-default")), codes(catalog));
        }
    }

    private static Map<Object, Object> piece(long[] shape, long from, long[] strides, long to, long[] shardStrides) {
        return dict("shape", shape, "source", List.of(from, strides), "dest", List.of(to, shardStrides));
    }

    private static Map<Object, Object> affine(long[] whole, long[] shard, List<?> first, List<?> second) {
        Map<Object, Object> ranks =
                dict(0L, dict("shard_shape", shard, "pieces", first), 1L, dict("shard_shape", shard, "pieces", second));
        return dict("version", 1, "params", dict("^w$", dict("logical_shape", whole, "ranks", ranks)));
    }

    @Test
    void headsThatSeveralRanksHoldBecomeAPartialCopy() throws IOException {
        // Rows 0-3 are shared out, rows 4 and 5 are held by both ranks.
        long[] rows = shape(2, 1);
        sharded(
                shape(4, 2),
                join(count(0, 4), count(8, 4)),
                join(count(4, 4), count(8, 4)),
                "universal_checkpoint_info",
                dict(
                        "universal_checkpoint_version",
                        0.4,
                        "affine_map",
                        affine(
                                shape(6, 2),
                                shape(4, 2),
                                List.of(piece(shape(2, 2), 0, rows, 0, rows), piece(shape(2, 2), 8, rows, 4, rows)),
                                List.of(piece(shape(2, 2), 4, rows, 0, rows), piece(shape(2, 2), 8, rows, 4, rows)))));
        try (Catalog catalog = open()) {
            Tensor tensor = catalog.tensor(catalog.findTensor("w", "fp32"));
            assertArrayEquals(TinySave.bytes(count(0, 12)), bytes(catalog, "w", "fp32"));
            assertEquals(2, tensor.copyCount());
            assertTrue(catalog.copy(tensor, 0).complete());
            Copy second = catalog.copy(tensor, 1);
            assertFalse(second.complete());
            assertEquals(1, second.fragmentCount());
            assertEquals("[4:6,0:2]", catalog.fragment(second, 0).region().box().toString());
        }
    }

    @Test
    void affineMapIsFollowedWherePatternsSayOtherwise() throws IOException {
        long[] strides = shape(2, 1);
        sharded(
                shape(2, 2),
                count(0, 4),
                count(4, 4),
                "universal_checkpoint_info",
                dict(
                        "universal_checkpoint_version",
                        0.4,
                        "parameter_with_row_parallelism_patterns",
                        List.of("w"),
                        "affine_map",
                        affine(
                                shape(4, 2),
                                shape(2, 2),
                                List.of(piece(shape(2, 2), 0, strides, 0, strides)),
                                List.of(piece(shape(2, 2), 4, strides, 0, strides)))));
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(count(0, 8)), bytes(catalog, "w", "fp32"));
            assertEquals(new TreeSet<>(List.of("deepspeed.affine-maps")), codes(catalog));
        }
    }

    @Test
    void expertsOfSeveralDataParallelRanksAreNumberedGlobally() throws IOException {
        // Four ranks, two expert-parallel: ranks 0 and 2 share expert 0, ranks 1 and 3 expert 1.
        String experts = "m.deepspeed_moe.experts.deepspeed_experts.";
        TinySave save = new TinySave(root)
                .model(MODEL, 4, 1, List.of(dict(experts + "0.w", shape(3))), dict(), "num_experts", List.of(2));
        float[][] values = {count(10, 3), count(20, 3)};
        for (int expert = 0; expert < 2; expert++) {
            save.write(
                    "layer_0_expert_" + expert + "_mp_rank_00_model_states.pt",
                    dict(experts + expert + ".w", values[expert]));
        }
        for (int d = 0; d < 4; d++) {
            float[] whole = join(values[d % 2], new float[] {-1});
            float[] part = {whole[d / 2 * 2], whole[d / 2 * 2 + 1]};
            save.optimizer(d, 0, List.of(part), List.of(adam(part, 1)), "partition_count", List.of(2));
        }
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(values[0]), bytes(catalog, experts + "0.w", "fp32"));
            assertArrayEquals(TinySave.bytes(values[1]), bytes(catalog, experts + "1.w", "exp_avg"));
            assertArrayEquals(TinySave.bytes(values[1]), bytes(catalog, experts + "1.w", "model"));
            Group group = catalog.groups().getFirst();
            assertTrue(group.expert());
            assertEquals(List.of(experts + "0.w", experts + "1.w"), group.parameters());
        }
        Files.delete(save.folder().resolve("layer_0_expert_1_mp_rank_00_model_states.pt"));
        assertTrue(refusal().contains("layer_0_expert_1_mp_rank_00_model_states.pt"));
    }

    @Test
    void fusedExpertsOfStage3AreJoinedOverExpertParallelRanks() throws IOException {
        TinySave save = new TinySave(root);
        for (int d = 0; d < 2; d++) {
            Map<Object, Object> layer = dict(
                    "moe_layer_id",
                    0,
                    "module_path",
                    "m",
                    "num_experts",
                    4,
                    "num_local_experts",
                    2,
                    "ep_size",
                    2,
                    "expert_key_prefix",
                    "m.experts",
                    "ep_rank",
                    d);
            save.model(
                    "zero_pp_rank_" + d + "_mp_rank_00_model_states.pt",
                    2,
                    1,
                    List.of(dict("m.experts.w1", shape(2, 3))),
                    dict("m.experts.w1", count(0, 0)),
                    "ds_autoep_layers",
                    List.of(layer));
            float[] own = count(6 * d, 6);
            save.write(
                    "zero_pp_rank_" + d + "_mp_rank_00_optim_states.pt",
                    dict(
                            "optimizer_state_dict",
                            dict(
                                    "zero_stage",
                                    3,
                                    "partition_count",
                                    2,
                                    "ds_zero_partition_groups",
                                    List.of(dict("sub_group", 0, "partition_count", 1, "partition_rank", 0)),
                                    "fp32_flat_groups",
                                    List.of(own),
                                    "optimizer_state_dict",
                                    dict(
                                            "state",
                                            dict(0L, adam(own, 1)),
                                            "param_groups",
                                            List.of(dict("lr", 0.5, "params", List.of(0)))))));
        }
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(count(0, 12)), bytes(catalog, "m.experts.w1", "exp_avg"));
            assertArrayEquals(
                    shape(4, 3),
                    catalog.tensor(catalog.findTensor("m.experts.w1", "fp32")).shape());
        }
    }

    @Test
    void numbersThatFitSeveralParametersStayNumbers() throws IOException {
        // Two parameters of one shape, one of them frozen: the file does not say which.
        new TinySave(root)
                .model(
                        MODEL,
                        1,
                        1,
                        null,
                        dict("a", count(0, 2), "b", count(2, 2), "c", count(4, 3)),
                        "optimizer",
                        dict(
                                "state",
                                dict(0L, adam(count(7, 2), 1), 1L, adam(count(9, 3), 1)),
                                "param_groups",
                                List.of(dict("lr", 0.5, "params", List.of(0, 1)))));
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(count(7, 2)), bytes(catalog, "optimizer.0", "exp_avg"));
            assertArrayEquals(TinySave.bytes(count(9, 3)), bytes(catalog, "c", "exp_avg"));
            assertArrayEquals(TinySave.bytes(count(4, 3)), bytes(catalog, "c", "fp32"));
            assertEquals(-1, catalog.findTensor("a", "exp_avg"));
            assertEquals(
                    new TreeSet<>(List.of("deepspeed.matched-by-order", "deepspeed.unnamed-states")), codes(catalog));
        }
    }

    @Test
    void universalFolderWithoutModelFilesReadsCastsAsTheModel() throws IOException {
        Path zero = root.resolve("zero");
        SavedDicts.write(zero.resolve("w/fp32.pt"), dict("param", tensor(shape(2, 2), count(0, 4)), "cat_dim", 0));
        SavedDicts.write(zero.resolve("w/exp_avg.pt"), dict("param", tensor(shape(2, 2), count(4, 4)), "cat_dim", 0));
        SavedDicts.write(zero.resolve("w/step.pt"), tensor(shape(), 3));
        SavedDicts.write(zero.resolve("mask/fp32.pt"), dict("param", count(1, 3)));
        SavedDicts.write(
                zero.resolve("optimizer_state.pt"),
                dict("zero_stage", 1, "param_groups", List.of(dict("lr", 0.5, "params", List.of(0)))));
        try (Catalog catalog = open()) {
            assertArrayEquals(TinySave.bytes(count(4, 4)), bytes(catalog, "w", "exp_avg"));
            assertArrayEquals(TinySave.bytes(count(1, 3)), bytes(catalog, "mask", "model"));
            assertEquals(-1, catalog.findTensor("mask", "fp32"));
            assertEquals(new TreeSet<>(List.of("deepspeed.casts", "deepspeed.no-model-files")), codes(catalog));
        }
    }

    @Test
    void universalFolderOfAMissingParameterOrStateIsNamed() throws IOException {
        new TinySave(root)
                .model(
                        MODEL,
                        1,
                        1,
                        List.of(dict("v", shape(2), "w", shape(2))),
                        dict("v", count(0, 2), "w", count(2, 2)));
        Files.delete(root.resolve("latest"));
        Files.writeString(root.resolve("latest_universal"), "global_step1");
        Path zero = root.resolve("global_step1/zero");
        SavedDicts.write(zero.resolve("optimizer_state.pt"), dict("zero_stage", 1));
        SavedDicts.write(zero.resolve("v/fp32.pt"), dict("param", count(0, 2)));
        SavedDicts.write(zero.resolve("v/exp_avg.pt"), dict("param", count(0, 2)));
        assertTrue(refusal().contains("parameter w"));
        SavedDicts.write(zero.resolve("w/fp32.pt"), dict("param", count(0, 2)));
        assertTrue(refusal().contains("exp_avg.pt"));
        SavedDicts.write(zero.resolve("w/exp_avg.pt"), dict("param", count(0, 3)));
        assertTrue(refusal().contains("shape 3"));
    }

    @Test
    void attachmentsThatRanksRepeatAreRecordedOnce() throws IOException {
        new TinySave(root)
                .model(
                        MODEL,
                        2,
                        1,
                        List.of(dict("w", shape(4))),
                        dict("w", count(1, 4)),
                        "lr_scheduler",
                        dict("last_epoch", 5))
                .optimizer(0, 0, List.of(count(1, 2)), List.of(adam(count(1, 2), 1)), "clip_grad", 1.0, "seed", 1)
                .optimizer(1, 0, List.of(count(3, 2)), List.of(adam(count(3, 2), 1)), "clip_grad", 1.0, "seed", 2);
        try (Catalog catalog = open()) {
            List<String> lines = catalog.attachments().stream()
                    .map(attachment -> attachment.scope() + " " + attachment.name())
                    .toList();
            assertTrue(lines.contains(MODEL + " lr_scheduler"));
            assertTrue(lines.contains("zero_pp_rank_0_mp_rank_00_optim_states.pt optimizer_state_dict.clip_grad"));
            assertFalse(lines.contains("zero_pp_rank_1_mp_rank_00_optim_states.pt optimizer_state_dict.clip_grad"));
            assertTrue(lines.contains("zero_pp_rank_1_mp_rank_00_optim_states.pt optimizer_state_dict.seed"));
        }
    }
}
