package org.trencadis.source.megatron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.index.Tensor;
import org.trencadis.source.SavedDicts;
import org.trencadis.tensor.Region;

/** Fused attention of Megatron's first versions comes out in the order of rows that all later ones have. */
class AttentionOrderTest {
    private static final String LAYER = "layers.0.attention.";
    private static final int HEADS = 4;
    private static final int WIDTH = 3;
    private static final int HIDDEN = HEADS * WIDTH;
    private static final int TP = 2;

    @TempDir
    Path scratch;

    /** Rows of a rank's shard, each the row of the whole tensor, where a head's parts follow one another. */
    private static int[] rows(double version, int parts, int t) {
        int heads = HEADS / TP;
        int[] rows = new int[parts * heads * WIDTH];
        for (int head = 0; head < heads; head++) {
            for (int part = 0; part < parts; part++) {
                for (int row = 0; row < WIDTH; row++) {
                    int held = version == 1 ? (head * WIDTH + row) * parts + part : (part * heads + head) * WIDTH + row;
                    rows[held] = (((t * heads + head) * parts) + part) * WIDTH + row;
                }
            }
        }
        return rows;
    }

    private static Object shard(LegacySave save, String name, double version, int parts, int t, int columns) {
        long[] whole = columns == 0 ? new long[] {parts * HIDDEN} : new long[] {parts * HIDDEN, columns};
        save.whole.put(name, whole);
        int width = Math.max(columns, 1);
        int[] rows = rows(version, parts, t);
        float[] values = new float[rows.length * width];
        for (int i = 0; i < values.length; i++) {
            values[i] = LegacySave.value(name, (long) rows[i / width] * width + i % width);
        }
        return SavedDicts.tensor(columns == 0 ? new long[] {rows.length} : new long[] {rows.length, columns}, values);
    }

    private LegacySave write(Object stored, double version, Object... args) throws IOException {
        LegacySave save = new LegacySave(TP);
        save.args.putAll(LegacySave.dict("model_parallel_size", TP, "num_layers", 1, "hidden_size", HIDDEN));
        save.args.putAll(LegacySave.dict("num_attention_heads", HEADS));
        save.args.putAll(LegacySave.dict(args));
        Files.writeString(scratch.resolve("latest_checkpointed_iteration.txt"), "5");
        for (int t = 0; t < TP; t++) {
            Map<Object, Object> model = new LinkedHashMap<>();
            for (String kind : new String[] {"query_key_value", "key_value"}) {
                int parts = kind.equals("key_value") ? 2 : 3;
                model.put(LAYER + kind + ".weight", shard(save, LAYER + kind + ".weight", version, parts, t, HIDDEN));
                model.put(LAYER + kind + ".bias", shard(save, LAYER + kind + ".bias", version, parts, t, 0));
            }
            save.put(model, LAYER, LAYER, "dense.weight", 1, 1, t, HIDDEN, HIDDEN);
            save.write(
                    scratch.resolve("iter_0000005/mp_rank_0" + t),
                    LegacySave.dict(
                            "model", model, "optimizer", LegacySave.optimizer(model), "checkpoint_version", stored));
        }
        return save;
    }

    private Checkpoint open(String values) throws IOException {
        String layout = "trencadis: 1\nvalues: {" + values + "}\nrules:\n"
                + "- {match: '.*key_value', shard: {dim: 0}}\n- {match: '.*dense', shard: {dim: 1}}\n";
        Path file = values == null ? null : Files.writeString(scratch.resolve("layout.yaml"), layout);
        return Checkpoint.open(scratch, new OpenOptions(null, file));
    }

    private void check(LegacySave save, String values) throws IOException {
        try (Checkpoint checkpoint = open(values);
                Arena arena = Arena.ofConfined()) {
            for (Map.Entry<String, long[]> entry : save.whole.entrySet()) {
                for (String state : new String[] {"model", "exp_avg"}) {
                    Tensor tensor =
                            checkpoint.catalog().tensor(checkpoint.catalog().findTensor(entry.getKey(), state));
                    MemorySegment read = arena.allocate(tensor.bytes(), 8);
                    checkpoint.read(tensor, Region.whole(tensor.shape()), read);
                    assertArrayEquals(
                            LegacySave.values(entry.getKey(), entry.getValue()),
                            read.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED),
                            entry.getKey() + ':' + state);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1, 1"})
    void rowsOfTheFirstVersionsAreReordered(double stored, double version) throws IOException {
        check(write(stored, version), null);
    }

    @Test
    void saveWithoutVersionIsOfVersion0WhereItsArgumentsAreAsOld() throws IOException {
        check(write(null, 0), null);
    }

    private void assertRefused(Object stored, String values, String expected, Object... args) throws IOException {
        write(stored, 0, args);
        String message =
                assertThrows(IOException.class, () -> open(values).close()).getMessage();
        assertTrue(message.contains(expected), message);
        assertTrue(message.contains("values: {"), message);
    }

    @Test
    void whatTheArgumentsDoNotSayIsRefusedWithWhatToDeclare() throws IOException {
        assertRefused(0.5, null, "0.5, which Megatron never wrote");
        assertRefused(null, null, "as old as that", "model_parallel_size", null, "tensor_model_parallel_size", 2);
        assertRefused(1.0, null, "attention is grouped", "group_query_attention", true);
        assertRefused(1.0, null, "nothing says it", "num_attention_heads", null);
        assertRefused(1.0, null, "3 for 2 ranks", "num_attention_heads", 3);
        assertRefused(0, null, "4 rows", "kv_channels", 4);
        assertRefused(0, "checkpoint_version: 0, heads: 8", "does not hold 3 parts of 4 heads");
    }

    @Test
    void versionAndHeadsMayBeDeclared() throws IOException {
        LegacySave save = write(null, 1, "model_parallel_size", null, "num_attention_heads", null);
        save.args.clear();
        check(save, "checkpoint_version: 1, heads: 4");
        check(write(null, 0, "tensor_model_parallel_size", 2, "model_parallel_size", null), "checkpoint_version: 0");
    }
}
