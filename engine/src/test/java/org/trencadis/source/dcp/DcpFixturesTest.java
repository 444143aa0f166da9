package org.trencadis.source.dcp;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.CheckpointDigests;
import org.trencadis.Progress;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.Copy;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.source.distcp.ExpectedTensors;
import org.trencadis.source.distcp.TensorKey;
import tools.jackson.databind.JsonNode;

/** Every real save of PyTorch DCP reads as exactly what the training processes had in memory. */
class DcpFixturesTest {
    private static final String STATE = "optim.state.";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "async_save",
                "bytes_entries",
                "dedup_balanced",
                "dedup_lowest_rank",
                "file_per_item",
                "fsdp2_tp2",
                "fsdp_dp3_bf16",
                "fsdp_dp4_fp32",
                "fsdp_dp4_fp32__as__dp2tp2",
                "fsdp_dp4_fp32__as__dp3",
                "fsdp_dp4_fp32__as__single",
                "hsdp_2x2",
                "plan_cached",
                "rank_local_metadata",
                "single_no_dist",
                "threads2_per_rank",
                "tp2_replicated",
                "two_axis_2x3",
                "zstd"
            })
    void tensorsAndGroupsEqualMemory(String name) throws IOException {
        ExpectedTensors expected = ExpectedTensors.of("dcp/" + name);
        try (Checkpoint checkpoint = expected.open()) {
            expected.check(checkpoint, DcpFixturesTest::key);
            checkGroups(expected.root(), checkpoint.catalog());
            assertEquals(
                    List.of(),
                    checkpoint.catalog().findings().stream().map(Finding::code).toList());
        }
    }

    /** The catalog's name of a saved one in these cases: model's and optimizer's root keys are known here. */
    private static TensorKey key(String saved) {
        if (saved.startsWith(STATE)) {
            int dot = saved.lastIndexOf('.');
            String state = saved.substring(dot + 1);
            return state.equals("step") ? null : new TensorKey(saved.substring(STATE.length(), dot), state);
        }
        for (String root : List.of("model.", "t.")) {
            if (saved.startsWith(root)) {
                return new TensorKey(saved.substring(root.length()), "model");
            }
        }
        return new TensorKey(saved, "model");
    }

    /** The step of each parameter is the one whose bytes were in memory; hyperparameters are those of the fixtures. */
    private static void checkGroups(JsonNode expected, Catalog catalog) throws IOException {
        TreeSet<String> stepped = new TreeSet<>();
        for (Map.Entry<String, JsonNode> entry : expected.get("tensors").properties()) {
            if (entry.getKey().endsWith(".step")) {
                String parameter =
                        entry.getKey().substring(STATE.length(), entry.getKey().lastIndexOf('.'));
                stepped.add(parameter);
                assertEquals(entry.getValue().get("sha256").asString(), sha256OfStep(group(catalog, parameter)));
            }
        }
        TreeSet<String> grouped = new TreeSet<>();
        for (Group group : catalog.groups()) {
            assertTrue(grouped.addAll(group.parameters()), group::name);
            assertEquals(new Value.Real(0.003), group.settings().find("lr"));
            assertEquals(
                    new Value.Tuple(List.of(new Value.Real(0.9), new Value.Real(0.95))),
                    group.settings().find("betas"));
            assertEquals(new Value.Real(0.1), group.settings().find("weight_decay"));
            assertEquals(new Value.None(), group.settings().find("fused"));
            assertEquals(null, group.settings().find("params"));
        }
        assertEquals(stepped, grouped);
    }

    private static Group group(Catalog catalog, String parameter) throws IOException {
        return catalog.groups().stream()
                .filter(group -> group.parameters().contains(parameter))
                .findFirst()
                .orElseThrow();
    }

    private static String sha256OfStep(Group group) {
        Value.Int step = (Value.Int) group.settings().find("step");
        ByteBuffer bytes = ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(0, step.value().floatValue());
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes.array()));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"dp3", "dp2tp2", "single"})
    void digestsDoNotDependOnTheMeshThatSaved(String mesh) throws IOException {
        CheckpointDigests one = digests("fsdp_dp4_fp32");
        CheckpointDigests other = digests("fsdp_dp4_fp32__as__" + mesh);
        assertEquals(one.states().keySet(), other.states().keySet());
        one.states()
                .forEach((state, digest) ->
                        assertArrayEquals(digest, other.states().get(state), state));
        assertArrayEquals(one.universal(), other.universal());
        assertArrayEquals(one.run(), other.run());
    }

    private static CheckpointDigests digests(String name) throws IOException {
        try (Checkpoint checkpoint = ExpectedTensors.of("dcp/" + name).open()) {
            return checkpoint.digests(Progress.NONE);
        }
    }

    @ParameterizedTest
    @CsvSource({"fsdp_dp4_fp32, model, 4", "two_axis_2x3,, 6", "single_no_dist, t, 1", "bytes_entries, model, 2"})
    void factsSayWhatWasRecognised(String name, String modelRoot, int writers) throws IOException {
        try (Checkpoint checkpoint = ExpectedTensors.of("dcp/" + name).open()) {
            Value.Mapping facts = checkpoint.catalog().facts();
            assertEquals(new Value.Text("dcp"), facts.find("source"));
            assertEquals(modelRoot == null ? null : new Value.Text(modelRoot), facts.find("model_root"));
            assertEquals(new Value.Int(writers), ((Value.Mapping) facts.find("geometry")).find("writers"));
        }
    }

    @Test
    void whatRanksWithoutCommonMetadataBothHoldIsACopyOfEach() throws IOException {
        try (Checkpoint checkpoint =
                ExpectedTensors.of("dcp/rank_local_metadata").open()) {
            Catalog catalog = checkpoint.catalog();
            Tensor scalar = catalog.tensor(catalog.findTensor("logit_scale", "model"));
            assertEquals(2, scalar.copyCount());
            Tensor sharded = catalog.tensor(catalog.findTensor("embed_tokens.weight", "model"));
            assertEquals(1, sharded.copyCount());
            assertEquals(2, catalog.copy(sharded, 0).fragmentCount());
            assertEquals(List.of(new Value.Int(3)), values(catalog, "step"));
        }
    }

    @Test
    void emptyShardsAreNoFragments() throws IOException {
        try (Checkpoint checkpoint = ExpectedTensors.of("dcp/fsdp_dp4_fp32").open()) {
            Catalog catalog = checkpoint.catalog();
            Tensor tensor = catalog.tensor(catalog.findTensor("adapter", "exp_avg"));
            Copy copy = catalog.copy(tensor, 0);
            assertEquals(3, copy.fragmentCount());
            assertEquals(List.of(2L), catalog.holders(catalog.fragment(copy, 2).holders()));
        }
    }

    @Test
    void valuesAreAttachmentsAndNothingIsBuilt() throws IOException {
        try (Checkpoint checkpoint = ExpectedTensors.of("dcp/bytes_entries").open()) {
            Catalog catalog = checkpoint.catalog();
            assertEquals(List.of(new Value.Int(java.math.BigInteger.TWO.pow(70))), values(catalog, "big"));
            assertEquals(List.of(new Value.Int(2)), values(catalog, "nested.a.d.0.e"));
            assertEquals(List.of(new Value.Global("torch", "bfloat16")), values(catalog, "dtype_value"));
            assertEquals(List.of(new Value.Blob(new byte[] {0, 1, -1})), values(catalog, "raw"));
            Value.Tuple hidden =
                    (Value.Tuple) values(catalog, "tuple_with_tensor").getFirst();
            assertEquals(List.of(4L), ((Value.Tensor) hidden.items().getFirst()).shape());
            int entries = ExpectedTensors.of("dcp/bytes_entries")
                    .root()
                    .get("bytes_entries")
                    .size();
            assertEquals(entries, catalog.attachments().size());
        }
    }

    private static List<Value> values(Catalog catalog, String name) throws IOException {
        return catalog.attachments().stream()
                .filter(attachment -> attachment.name().equals(name))
                .map(Attachment::value)
                .toList();
    }

    @Test
    void anUnknownTransformIsNamed() throws IOException {
        ExpectedTensors expected = ExpectedTensors.of("dcp/unknown_transform");
        FormatException.Unsupported refused = assertThrows(
                FormatException.Unsupported.class, () -> expected.open().close());
        assertTrue(refused.getMessage().contains("stream.xor@example/1"), refused::getMessage);
    }
}
