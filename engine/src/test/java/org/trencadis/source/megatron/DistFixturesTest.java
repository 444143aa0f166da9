package org.trencadis.source.megatron;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.format.FormatException;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.ExpectedTensors;
import org.trencadis.source.distcp.TensorKey;

/** Every real {@code torch_dist} checkpoint reads as exactly what the training processes had in memory. */
class DistFixturesTest {
    private static final String STATE = "optimizer.state.";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "distopt_fully_reshardable",
                "gpt_tp1_pp2",
                "gpt_tp2_pp1",
                "gpt_tp2_pp2_bf16_tied",
                "handbuilt_tp2_pp2_dp2"
            })
    void tensorsEqualMemory(String name) throws IOException {
        ExpectedTensors expected = ExpectedTensors.of("megatron/" + name);
        try (Checkpoint checkpoint = expected.open()) {
            expected.check(checkpoint, DistFixturesTest::key);
            assertEquals(
                    new Value.Text("megatron"), checkpoint.catalog().facts().find("source"));
        }
    }

    private static TensorKey key(String saved) {
        if (saved.startsWith(STATE) && saved.lastIndexOf('.') > STATE.length()) {
            String rest = saved.substring(STATE.length());
            String state = rest.substring(0, rest.indexOf('.'));
            return new TensorKey(rest.substring(rest.indexOf('.') + 1), state.equals("param") ? "fp32" : state);
        }
        return new TensorKey(saved, "model");
    }

    @Test
    void stackedLayersAreOneTensorAndEachRanksGateAndUpTwoFragments() throws IOException {
        try (Checkpoint checkpoint = ExpectedTensors.of("megatron/gpt_tp2_pp1").open()) {
            Catalog catalog = checkpoint.catalog();
            Tensor tensor = catalog.tensor(catalog.findTensor("decoder.layers.mlp.linear_fc1.weight", "model"));
            assertArrayEquals(new long[] {2, 176, 32}, tensor.shape());
            assertEquals(8, catalog.copy(tensor, 0).fragmentCount());
        }
    }

    @Test
    void theOnlyGroupHasEveryParameterWithStates() throws IOException {
        try (Checkpoint checkpoint = ExpectedTensors.of("megatron/gpt_tp2_pp1").open()) {
            Group group = checkpoint.catalog().groups().getFirst();
            assertEquals(10, group.parameters().size());
            assertEquals(new Value.Real(0.01), group.settings().find("lr"));
            assertEquals(new Value.Int(2), group.settings().find("step"));
            assertEquals(List.of(), checkpoint.catalog().findings());
        }
    }

    @Test
    void membersOfSeveralGroupsAreNotKnown() throws IOException {
        try (Checkpoint checkpoint =
                ExpectedTensors.of("megatron/distopt_fully_reshardable").open()) {
            List<Group> groups = checkpoint.catalog().groups();
            assertEquals(2, groups.size());
            assertEquals(new Value.Real(0.0), groups.get(1).settings().find("wd_mult"));
            assertEquals(new Value.Int(2), groups.get(1).settings().find("step"));
            assertEquals(
                    List.of("megatron.group-members"),
                    checkpoint.catalog().findings().stream().map(Finding::code).toList());
        }
    }

    @Test
    void whatRanksHaveInCommonAndShardedObjectsAreAttachments() throws IOException {
        try (Checkpoint checkpoint =
                ExpectedTensors.of("megatron/handbuilt_tp2_pp2_dp2").open()) {
            Catalog catalog = checkpoint.catalog();
            Value.Instance args = (Value.Instance) value(catalog, "args");
            assertEquals(new Value.Global("argparse", "Namespace"), args.callable());
            assertEquals(new Value.Int(4), ((Value.Mapping) args.state()).find("num_layers"));
            assertEquals(new Value.Int(100), value(catalog, "iteration"));
            assertEquals(
                    new Value.None(),
                    value(catalog, "decoder.layers.self_attention.core_attention._extra_state/shard_3_4"));
            assertTrue(value(catalog, "rng_state/shard_1.1_2.2") instanceof Value.Sequence);
            assertEquals(List.of(2L, 3L), ((Value.Tensor) value(catalog, "common_tensor")).shape());
            Value.Mapping geometry = (Value.Mapping) catalog.facts().find("geometry");
            assertEquals(new Value.Int(2), geometry.find("tp"));
            assertEquals(new Value.Int(2), geometry.find("pp"));
        }
    }

    private static Value value(Catalog catalog, String name) throws IOException {
        return catalog.attachments().stream()
                .filter(attachment -> attachment.name().equals(name))
                .map(Attachment::value)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void bucketsWithoutPositionsAreRefusedWithWhatToDo() throws IOException {
        ExpectedTensors expected = ExpectedTensors.of("megatron/distopt_dp_reshardable");
        SourceException refused =
                assertThrows(SourceException.class, () -> expected.open().close());
        for (String part : Set.of("dp_reshardable", "which parameter lies", "--dist-ckpt-optim-fully-reshardable")) {
            assertTrue(refused.getMessage().contains(part), refused::getMessage);
        }
    }

    @Test
    void whatRanksHaveInCommonMayBeAShardedObject() throws IOException {
        Path folder = Path.of("src/test/resources/fixtures/megatron/common_object/checkpoint");
        try (Checkpoint checkpoint = Checkpoint.open(folder, OpenOptions.NONE)) {
            assertEquals(new Value.Int(9), value(checkpoint.catalog(), "iteration"));
            Group group = checkpoint.catalog().groups().getFirst();
            assertEquals(List.of("decoder.final_norm.weight"), group.parameters());
            assertEquals(new Value.Real(0.5), group.settings().find("lr"));
            assertEquals(new Value.Int(9), group.settings().find("step"));
            Value.Mapping geometry =
                    (Value.Mapping) checkpoint.catalog().facts().find("geometry");
            assertEquals(new Value.Int(1), geometry.find("dp"));
            assertEquals(List.of(), checkpoint.catalog().findings());
        }
    }

    @Test
    void saveWithoutWhatRanksHaveInCommonIsRefused(@TempDir Path copy) throws IOException {
        Path folder = Path.of("src/test/resources/fixtures/megatron/gpt_tp1_pp2/checkpoint");
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName().toString()));
            }
        }
        Files.delete(copy.resolve("common.pt"));
        SourceException refused = assertThrows(
                SourceException.class,
                () -> Checkpoint.open(copy, OpenOptions.NONE).close());
        assertTrue(
                refused.getMessage().contains("neither common.pt nor the object common_state/shard_0_1"),
                refused::getMessage);
    }

    @Test
    void onlyItsOwnMetadataFileIsRecognised(@TempDir Path folder) throws IOException {
        assertNull(DistReader.find(folder));
        Path json = folder.resolve("metadata.json");
        Files.writeString(json, "{\"sharded_backend\": \"zarr\", \"sharded_backend_version\": 1}");
        assertNull(DistReader.find(folder));
        Files.writeString(json, "{\"sharded_backend\": \"torch_dist\", \"sharded_backend_version\": 2}");
        assertThrows(FormatException.Unsupported.class, () -> DistReader.find(folder));
        Files.writeString(json, "{\"sharded_backend\": \"torch_dist\", \"sharded_backend_version\": 1}");
        assertEquals(
                List.of("file metadata.json with sharded_backend torch_dist"),
                DistReader.find(folder).evidence());
    }
}
