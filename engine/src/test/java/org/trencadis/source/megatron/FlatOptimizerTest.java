package org.trencadis.source.megatron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.format.Value;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.source.ExpectedTensors;
import org.trencadis.source.SavedDicts;
import org.trencadis.tensor.Region;

/** Flat states of the distributed optimizer are those of their parameters, or are left out with a reason. */
class FlatOptimizerTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures/megatron");
    private static final String EMBEDDING = "embedding.word_embeddings.weight";
    private static final String QKV = "decoder.layers.0.self_attention.linear_qkv.weight";
    private static final String NORM = "decoder.final_layernorm.weight";

    @TempDir
    Path scratch;

    @ParameterizedTest
    @ValueSource(strings = {"legacy_distrib_optim", "legacy_distrib_optim_buckets"})
    void statesOfRealFilesAreThoseOfMemory(String name) throws IOException {
        Path folder = FIXTURES.resolve(name);
        assertEquals(
                ExpectedTensors.ofMemory(ExpectedTensors.read(folder.resolve("expected.json"))),
                ExpectedTensors.ofCheckpoint(folder.resolve("checkpoint")));
        try (Checkpoint checkpoint = Checkpoint.open(folder.resolve("checkpoint"), OpenOptions.NONE)) {
            assertEquals("megatron.group-members", codes(checkpoint));
            assertEquals(
                    new Value.Int(2),
                    checkpoint.catalog().groups().getLast().settings().find("step"));
        }
    }

    private static String codes(Checkpoint checkpoint) throws IOException {
        return checkpoint.catalog().findings().stream().map(Finding::code).collect(Collectors.joining(" "));
    }

    @Test
    void positionsAreKnownOnlyWhereTheLengthLeavesOneChoice() {
        BufferPlan plan = new BufferPlan(new long[] {10, 70, 64, 5}, new boolean[4]);
        assertArrayEquals(new long[] {139, 69, 5, 0}, plan.find(149, Long.MAX_VALUE));
        assertArrayEquals(new long[] {256, 128, 64, 0}, plan.find(266, Long.MAX_VALUE));
        assertNull(plan.find(208, Long.MAX_VALUE));
        // Buckets that end from 60 elements on hold the last two, the second, the first.
        assertArrayEquals(new long[] {198, 128, 64, 0}, plan.find(208, 60));
        assertNull(plan.find(150, 60));
        assertNull(plan.find(300, 60));
        BufferPlan first = new BufferPlan(new long[] {10, 70, 5}, new boolean[] {false, false, true});
        assertArrayEquals(new long[] {133, 5, 0}, first.find(143, Long.MAX_VALUE));
    }

    /** Two tensor-parallel ranks, two pieces of the model each, with a flat file beside each rank's own. */
    private LegacySave write(int lengthChange, float valueChange, boolean old, int ranks) throws IOException {
        LegacySave save = new LegacySave(2);
        save.args.putAll(LegacySave.dict("tensor_model_parallel_size", 2, "world_size", 4));
        Files.writeString(scratch.resolve("latest_checkpointed_iteration.txt"), "5");
        for (int t = 0; t < 2; t++) {
            Map<Object, Object> first = new LinkedHashMap<>();
            save.put(first, "", "", EMBEDDING, 0, 1, t, 16, 7);
            save.put(first, "", "", QKV, 0, 1, t, 24, 7);
            Map<Object, Object> last = new LinkedHashMap<>();
            save.put(last, "", "", NORM, -1, 1, t, 7);
            Path folder = scratch.resolve("iter_0000005/mp_rank_0" + t);
            save.write(
                    folder,
                    LegacySave.dict(
                            "model0",
                            first,
                            "model1",
                            last,
                            "optimizer",
                            LegacySave.dict(
                                    "optimizer",
                                    LegacySave.dict("param_groups", List.of(LegacySave.dict("lr", 0.5, "step", 7))))));
            Map<Object, Object> file = LegacySave.dict("buckets_coalesced", true);
            file.put(0, buffer(first, lengthChange, valueChange));
            file.put(1, buffer(last, 0, 0));
            if (old) {
                file.remove("buckets_coalesced");
            }
            if (t < ranks) {
                SavedDicts.write(folder.resolve("distrib_optim.pt"), file);
            }
        }
        return save;
    }

    private static Object buffer(Map<Object, Object> model, int lengthChange, float valueChange) {
        List<Float> flat = new ArrayList<>();
        for (Object tensor : new ArrayList<>(model.values()).reversed()) {
            while (flat.size() % 64 != 0) {
                flat.add(-1f);
            }
            MemorySegment bytes =
                    MemorySegment.ofArray(((Value.Tensor) tensor).bytes().value());
            for (long at = 0; at < bytes.byteSize(); at += 4) {
                flat.add(bytes.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
            }
        }
        for (int i = 0; i < lengthChange; i++) {
            flat.add(0f);
        }
        Map<Object, Object> states = new LinkedHashMap<>();
        for (float change : new float[] {valueChange, 1, 2}) {
            float[] values = new float[flat.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = flat.get(i) + change;
            }
            states.put(
                    states.isEmpty() ? "param" : states.size() == 1 ? "exp_avg" : "exp_avg_sq",
                    SavedDicts.tensor(new long[] {values.length}, values));
        }
        states.put("numel_unpadded", flat.size());
        return LegacySave.dict(new Value.Global("torch", "float32"), states);
    }

    private Checkpoint open() throws IOException {
        return Checkpoint.open(scratch, OpenOptions.NONE);
    }

    @Test
    void buffersOfEveryRankAndPieceAreJoined() throws IOException {
        LegacySave save = write(0, 0, false, 2);
        try (Checkpoint checkpoint = open()) {
            assertEquals("megatron.vocabulary", codes(checkpoint));
            assertEquals(
                    List.of(EMBEDDING, QKV, NORM),
                    checkpoint.catalog().groups().getFirst().parameters());
            check(checkpoint, save);
        }
    }

    private static void check(Checkpoint checkpoint, LegacySave save) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            for (Map.Entry<String, long[]> entry : save.whole.entrySet()) {
                float[] expected = LegacySave.values(entry.getKey(), entry.getValue());
                int change = 0;
                for (String state : new String[] {"fp32", "exp_avg", "exp_avg_sq"}) {
                    Tensor tensor =
                            checkpoint.catalog().tensor(checkpoint.catalog().findTensor(entry.getKey(), state));
                    MemorySegment read = arena.allocate(tensor.bytes(), 8);
                    checkpoint.read(tensor, Region.whole(tensor.shape()), read);
                    float[] values = read.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
                    for (int i = 0; i < values.length; i++) {
                        assertEquals(expected[i] + change, values[i], tensor.key());
                    }
                    change++;
                }
            }
        }
    }

    /** Shared experts have an optimizer of their own; that of all else is in the first expert-parallel rank's file. */
    @Test
    void expertsHaveAnOptimizerOfTheirOwn() throws IOException {
        LegacySave save = new LegacySave(1);
        save.args.putAll(LegacySave.dict("num_experts", 2, "expert_model_parallel_size", 2, "hidden_size", 7));
        save.args.put("world_size", 4);
        Files.writeString(scratch.resolve("latest_checkpointed_iteration.txt"), "5");
        String expert = "decoder.layers.0.mlp.experts.local_experts.%d.linear_fc2.weight";
        for (int e = 0; e < 2; e++) {
            Map<Object, Object> dense = new LinkedHashMap<>();
            save.put(dense, "", "", QKV, 0, 1, 0, 24, 7);
            Map<Object, Object> shared = new LinkedHashMap<>();
            save.put(
                    shared,
                    String.format(Locale.ROOT, expert, e),
                    String.format(Locale.ROOT, expert, 0),
                    "",
                    1,
                    1,
                    0,
                    7,
                    5);
            Map<Object, Object> model = new LinkedHashMap<>(dense);
            model.putAll(shared);
            Path folder = scratch.resolve("iter_0000005/mp_rank_00_00" + e);
            save.write(folder, LegacySave.dict("model", model, "optimizer", groups()));
            List<Object> file = new ArrayList<>();
            file.add(e == 0 ? LegacySave.dict("buckets_coalesced", true, 0, buffer(dense, 0, 0)) : null);
            file.add(LegacySave.dict("buckets_coalesced", true, 0, buffer(shared, 0, 0)));
            SavedDicts.write(folder.resolve("distrib_optim.pt"), file);
        }
        try (Checkpoint checkpoint = open()) {
            assertEquals("", codes(checkpoint));
            check(checkpoint, save);
            List<Group> all = checkpoint.catalog().groups();
            assertEquals(List.of(QKV), all.getFirst().parameters());
            assertEquals(2, all.getLast().parameters().size());
        }
    }

    private static Object groups() {
        List<Object> each = new ArrayList<>();
        for (boolean expert : new boolean[] {false, true}) {
            Object group = LegacySave.dict("lr", 0.5, "step", 7, "is_expert_parallel", expert);
            each.add(LegacySave.dict("optimizer", LegacySave.dict("param_groups", List.of(group))));
        }
        return each;
    }

    private void assertLeftOut(String expected) throws IOException {
        try (Checkpoint checkpoint = open()) {
            Finding finding = checkpoint.catalog().findings().stream()
                    .filter(each -> each.code().equals("megatron.distrib-optim"))
                    .findFirst()
                    .orElseThrow();
            assertTrue(finding.text().contains(expected), finding::text);
            assertEquals(3, checkpoint.catalog().tensorCount());
            assertEquals(List.of(), checkpoint.catalog().groups().getFirst().parameters());
        }
    }

    @Test
    void whatCannotBeProvedIsLeftOutWithTheReason() throws IOException {
        write(3, 0, false, 2);
        assertLeftOut(
                "mp_rank_00/distrib_optim.pt: buffer 0 is of [187] elements; the model's parameters fill 140 to 184");
        write(0, 1, false, 2);
        assertLeftOut("does not hold the master weights of " + EMBEDDING);
        write(0, 0, true, 2);
        assertLeftOut("before April 2024");
        write(0, 0, false, 1);
        Files.delete(scratch.resolve("iter_0000005/mp_rank_01/distrib_optim.pt"));
        assertLeftOut("only 1 ranks");
        Files.delete(scratch.resolve("iter_0000005/mp_rank_00/distrib_optim.pt"));
        assertLeftOut("no rank has a file distrib_optim.pt");
    }
}
