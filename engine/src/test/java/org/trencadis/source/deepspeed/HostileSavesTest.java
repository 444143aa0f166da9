package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.trencadis.source.SavedDicts.dict;
import static org.trencadis.source.SavedDicts.tensor;
import static org.trencadis.source.deepspeed.TinySave.count;
import static org.trencadis.source.deepspeed.TinySave.shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.source.SavedDicts;
import org.trencadis.storage.FileCache;

/** Whatever a value of a save is replaced with, the save opens or is refused with an I/O exception: nothing else escapes. */
class HostileSavesTest {
    private static final Object[] HOSTILE = {
        null,
        -1L,
        0L,
        3L,
        1L << 40,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        1e300,
        Double.NaN,
        "",
        "w",
        "../w",
        true,
        List.of(),
        Map.of(),
        List.of(Long.MAX_VALUE, Long.MAX_VALUE),
        List.of(Map.of("a", 1L)),
        new long[] {1L << 40, 0},
        new float[0],
        new float[] {Float.NaN},
        Map.of(0L, List.of())
    };

    @TempDir
    private Path root;

    private int opened;
    private int refused;

    private static Map<Object, Object> adam(float[] values) {
        return dict("step", tensor(shape(), 3), "exp_avg", values, "exp_avg_sq", values);
    }

    @Test
    void tensorParallelSave() throws IOException {
        long[] rows = shape(2, 1);
        Map<Object, Object> piece = dict(
                "shape", shape(2, 2), "source", List.of(0L, rows), "dest", List.of(0L, rows), "locations", List.of(0L));
        Map<Object, Object> next = dict(
                "shape", shape(2, 2), "source", List.of(4L, rows), "dest", List.of(0L, rows), "locations", List.of(1L));
        Map<Object, Object> ranks = dict(
                0L, dict("shard_shape", shape(2, 2), "pieces", List.of(piece)),
                1L, dict("shard_shape", shape(2, 2), "pieces", List.of(next)));
        Map<Object, Object> info = dict(
                "universal_checkpoint_version",
                0.4,
                "original_vocab_size",
                3,
                "vocabulary_parameter_patterns",
                List.of("v"),
                "parameter_with_sub_params",
                List.of(dict("patterns", List.of("s"), "shape", List.of(List.of(2L, 2L), 2L), "partition_dim", 0L)),
                "sub_param_shard_widths",
                dict("s", List.of(List.of(1L, 1L), List.of(1L, 1L))),
                "affine_map",
                dict("version", 1, "params", dict("^a$", dict("logical_shape", shape(4, 2), "ranks", ranks))));
        TinySave save = new TinySave(root);
        for (int t = 0; t < 2; t++) {
            Map<Object, Object> shapes = dict("a", shape(2, 2), "s", shape(2, 2), "v", shape(2, 2));
            Map<Object, Object> module = new LinkedHashMap<>();
            shapes.keySet().forEach(name -> module.put(name, tensor(shape(2, 2), count(0, 4))));
            save.model(
                    "mp_rank_0" + t + "_model_states.pt",
                    1,
                    2,
                    List.of(shapes),
                    module,
                    "universal_checkpoint_info",
                    info);
            save.optimizer(
                    0,
                    t,
                    List.of(count(0, 12)),
                    List.of(adam(count(0, 12))),
                    "partition_count",
                    List.of(1L),
                    "group_paddings",
                    List.of(0L),
                    "param_alignment_paddings",
                    List.of(List.of(0L, 0L, 0L)),
                    "param_slice_mappings",
                    List.of(dict("a", dict("numel", 4L, "start", 0L))));
        }
        attack(save);
    }

    @Test
    void partitionedSaveWithFusedExperts() throws IOException {
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
                    d,
                    "expert_placement",
                    dict(
                            "ranks",
                            List.of(
                                    dict("rank", 0, "experts", List.of(0L, 1L)),
                                    dict("rank", 1, "experts", List.of(2L, 3L)))));
            save.model(
                    "zero_pp_rank_" + d + "_mp_rank_00_model_states.pt",
                    2,
                    1,
                    List.of(dict("m.experts.w1", shape(2, 3)), dict("w", shape(3))),
                    dict("m.experts.w1", count(0, 0), "w", count(0, 0), "b", count(0, 2)),
                    "ds_autoep_layers",
                    List.of(layer),
                    "num_experts",
                    List.of(4L),
                    "frozen_param_shapes",
                    dict("f", shape(3)),
                    "frozen_param_fragments",
                    dict("f", count(d, 2)));
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
                                    List.of(
                                            dict("partition_count", 1, "partition_rank", 0),
                                            dict("partition_count", 2, "partition_rank", d)),
                                    "fp32_flat_groups",
                                    List.of(count(0, 6), count(0, 2)),
                                    "optimizer_state_dict",
                                    dict(
                                            "state",
                                            dict(0L, adam(count(0, 6)), 1L, adam(count(0, 2))),
                                            "param_groups",
                                            List.of(
                                                    dict("lr", 0.5, "params", List.of(0L)),
                                                    dict("lr", 0.5, "params", List.of(1L)))))));
        }
        attack(save);
    }

    @Test
    void saveWithoutZero() throws IOException {
        attack(new TinySave(root)
                .model(
                        "mp_rank_00_model_states.pt",
                        1,
                        1,
                        null,
                        dict("a", count(0, 2), "b", count(2, 3)),
                        "optimizer",
                        dict(
                                "cur_scale",
                                1.0,
                                "fp32_groups",
                                List.of(List.of(count(0, 2)), List.of(count(0, 3))),
                                "optimizer_state_dict",
                                dict(
                                        "state",
                                        dict(0L, adam(count(0, 2)), 1L, adam(count(0, 3))),
                                        "param_groups",
                                        List.of(
                                                dict("lr", 0.5, "params", List.of(0L)),
                                                dict("lr", 0.5, "params", List.of(1L)))))));
    }

    @Test
    void universalFolder() throws IOException {
        attack(new TinySave(root)
                .model(
                        "mp_rank_00_model_states.pt",
                        1,
                        1,
                        List.of(dict("w", shape(2, 2))),
                        dict("w", tensor(shape(2, 2), count(0, 4)), "b", count(0, 2)))
                .write("zero/w/fp32.pt", dict("param", count(0, 4), "cat_dim", 0))
                .write("zero/w/exp_avg.pt", count(0, 4))
                .write("zero/w/step.pt", tensor(shape(), 3))
                .write("zero/b/fp32.pt", dict("param", count(0, 2)))
                .write(
                        "zero/optimizer_state.pt",
                        dict(
                                "zero_stage",
                                1,
                                "loss_scaler",
                                dict("cur_scale", 2.0),
                                "param_groups",
                                List.of(dict("lr", 0.5, "params", List.of(0L))))));
    }

    /** Replaces each value of each file with a few hostile ones. */
    private void attack(TinySave save) throws IOException {
        try (FileCache cache = new FileCache()) {
            Fixtures.open(root, cache).close();
        }
        Random random = new Random(5);
        for (Map.Entry<String, Object> file : save.files().entrySet()) {
            int values = countValues(file.getValue());
            for (int number = 0; number < values; number++) {
                for (int i = 0; i < 3; i++) {
                    Object replaced =
                            replace(file.getValue(), new int[] {number}, HOSTILE[random.nextInt(HOSTILE.length)]);
                    SavedDicts.write(save.folder().resolve(file.getKey()), replaced);
                    open(file.getKey() + " value " + number);
                }
            }
            SavedDicts.write(save.folder().resolve(file.getKey()), file.getValue());
        }
        assertTrue(opened > 0 && refused > 0, opened + " opened, " + refused + " refused");
    }

    private void open(String what) {
        try (FileCache cache = new FileCache()) {
            Fixtures.open(root, cache).close();
            opened++;
        } catch (IOException e) {
            assertTrue(e.getMessage() != null && !e.getMessage().isBlank(), what);
            refused++;
        } catch (RuntimeException e) {
            throw new AssertionError(what, e);
        }
    }

    private static int countValues(Object value) {
        int values = 1;
        if (value instanceof Map<?, ?> map) {
            values += map.values().stream()
                    .mapToInt(HostileSavesTest::countValues)
                    .sum();
        } else if (value instanceof List<?> list) {
            values += list.stream().mapToInt(HostileSavesTest::countValues).sum();
        }
        return values;
    }

    /** A copy of a tree in which value {@code left} in the order of a walk is another one. */
    private static Object replace(Object value, int[] left, Object replacement) {
        if (left[0]-- == 0) {
            return replacement;
        }
        if (value instanceof Map<?, ?> map) {
            Map<Object, Object> copy = new LinkedHashMap<>();
            map.forEach((key, item) -> copy.put(key, replace(item, left, replacement)));
            return copy;
        }
        if (value instanceof List<?> list) {
            List<Object> copy = new ArrayList<>();
            list.forEach(item -> copy.add(replace(item, left, replacement)));
            return copy;
        }
        return value instanceof long[] numbers ? Arrays.copyOf(numbers, numbers.length) : value;
    }
}
