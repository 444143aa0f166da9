package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.Value;
import org.trencadis.source.SavedDicts;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;

/** Writes the files of a legacy Megatron save of a made-up model, whose elements tell their tensor and place. */
final class LegacySave {
    /** The whole tensors that the files hold parts of, with padding, by global name. */
    final Map<String, long[]> whole = new LinkedHashMap<>();

    final Map<Object, Object> args = new LinkedHashMap<>();
    private final int tp;

    LegacySave(int tp) {
        this.tp = tp;
    }

    int tp() {
        return tp;
    }

    static Map<Object, Object> dict(Object... entries) {
        return SavedDicts.dict(entries);
    }

    /** The element at a place of the whole tensor. */
    static float value(String name, long place) {
        return Math.floorMod(name.hashCode(), 10_000) + place / 1024f;
    }

    static float[] values(String name, long[] shape) {
        float[] values = new float[(int) Shapes.elements(shape)];
        for (int i = 0; i < values.length; i++) {
            values[i] = value(name, i);
        }
        return values;
    }

    /**
     * A rank's part: of each of {@code parts} equal parts of axis {@code dim} its share, in order; the whole tensor where
     * {@code dim} is -1.
     */
    Value shard(String name, int dim, int parts, int t, long... shape) {
        whole.put(name, shape);
        if (dim < 0) {
            return SavedDicts.tensor(shape, values(name, shape));
        }
        long[] local = shape.clone();
        local[dim] /= tp;
        long part = shape[dim] / parts;
        long share = part / tp;
        Box here = Box.whole(local);
        Box all = Box.whole(shape);
        float[] values = new float[(int) Shapes.elements(local)];
        for (int i = 0; i < values.length; i++) {
            long[] point = here.unflatten(i);
            point[dim] = point[dim] / share * part + t * share + point[dim] % share;
            values[i] = value(name, all.flatten(point));
        }
        return SavedDicts.tensor(local, values);
    }

    /** The tensors of one transformer layer; {@code local} is its number in the file. */
    Map<Object, Object> layer(int local, int global, int t) {
        Map<Object, Object> model = new LinkedHashMap<>();
        String from = "decoder.layers." + global + '.';
        String to = "decoder.layers." + local + '.';
        put(model, from, to, "self_attention.linear_qkv.layer_norm_weight", -1, 1, t, 4);
        put(model, from, to, "self_attention.linear_qkv.weight", 0, 1, t, 16, 4);
        put(model, from, to, "self_attention.linear_qkv.bias", 0, 1, t, 16);
        put(model, from, to, "self_attention.linear_proj.weight", 1, 1, t, 4, 8);
        put(model, from, to, "self_attention.linear_proj.bias", -1, 1, t, 4);
        return model;
    }

    void put(Map<Object, Object> model, String from, String to, String name, int dim, int parts, int t, long... shape) {
        model.put(to + name, shard(from + name, dim, parts, t, shape));
    }

    /** The optimizer of a piece in two groups, with and without weight decay; its averages are the weights. */
    static Map<Object, Object> optimizer(Map<?, ?>... models) {
        Map<Object, Object> state = new LinkedHashMap<>();
        List<Object> groups = new ArrayList<>();
        long next = 0;
        for (boolean decayed : new boolean[] {true, false}) {
            List<Object> members = new ArrayList<>();
            for (Map<?, ?> model : models) {
                for (Map.Entry<?, ?> entry : model.entrySet()) {
                    boolean flat = ((Value.Tensor) entry.getValue()).shape().size() == 1;
                    if (flat != decayed) {
                        members.add(next);
                        state.put(next++, dict("exp_avg", entry.getValue(), "step", 7));
                    }
                }
            }
            groups.add(dict("lr", 0.5, "wd_mult", decayed ? 1.0 : 0.0, "params", members));
        }
        return dict("state", state, "param_groups", groups);
    }

    void write(Path folder, Map<Object, Object> content) throws IOException {
        Map<Object, Object> root = dict("args", args, "checkpoint_version", 3.0, "iteration", 5);
        root.putAll(content);
        SavedDicts.write(folder.resolve("model_optim_rng.pt"), root);
    }
}
