package org.trencadis.source.deepspeed;

import static org.trencadis.source.SavedDicts.dict;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.source.SavedDicts;

/** Writes the few files of a DeepSpeed save that a test is about, key by key. */
final class TinySave {
    private final Path folder;
    /** What was written, by file name. */
    private final Map<String, Object> files = new LinkedHashMap<>();

    TinySave(Path root) throws IOException {
        this.folder = Files.createDirectories(root.resolve("global_step1"));
        Files.writeString(root.resolve("latest"), "global_step1");
    }

    Path folder() {
        return folder;
    }

    Map<String, Object> files() {
        return files;
    }

    static long[] shape(long... extents) {
        return extents;
    }

    /** Floats that count up from {@code first}. */
    static float[] count(int first, int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = first + i;
        }
        return values;
    }

    static float[] join(float[]... parts) {
        int length = Arrays.stream(parts).mapToInt(part -> part.length).sum();
        float[] joined = new float[length];
        int at = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, joined, at, part.length);
            at += part.length;
        }
        return joined;
    }

    static byte[] bytes(float... values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            bytes.putFloat(value);
        }
        return bytes.array();
    }

    /** A model file: what a reader needs, and {@code more} keys. */
    TinySave model(String name, int dp, int tp, Object groups, Map<Object, Object> module, Object... more)
            throws IOException {
        Map<Object, Object> root = dict(
                "module",
                module,
                "buffer_names",
                List.of(),
                "optimizer",
                null,
                "param_shapes",
                groups,
                "dp_world_size",
                dp,
                "mp_world_size",
                tp,
                "checkpoint_parallel_dimensions",
                dict("pp_degree", 1, "tp_degree", tp),
                "ds_version",
                "0.19.8");
        root.putAll(dict(more));
        return write(name, root);
    }

    /** A ZeRO-1 optimizer file; each partition is a flat master, with the states of its group. */
    TinySave optimizer(int d, int mp, List<float[]> masters, List<Map<Object, Object>> states, Object... more)
            throws IOException {
        Map<Object, Object> numbered = new LinkedHashMap<>();
        List<Object> groups = new ArrayList<>();
        List<Object> flat = new ArrayList<>();
        for (int group = 0; group < masters.size(); group++) {
            numbered.put((long) group, states.get(group));
            groups.add(dict("lr", 0.5, "params", List.of(group)));
            flat.add(masters.get(group));
        }
        Map<Object, Object> inner = dict(
                "base_optimizer_state",
                dict("state", numbered, "param_groups", groups),
                "single_partition_of_fp32_groups",
                flat,
                "zero_stage",
                1);
        inner.putAll(dict(more));
        return write("zero_pp_rank_" + d + "_mp_rank_0" + mp + "_optim_states.pt", dict("optimizer_state_dict", inner));
    }

    TinySave write(String name, Object root) throws IOException {
        files.put(name, root);
        SavedDicts.write(folder.resolve(name), root);
        return this;
    }
}
