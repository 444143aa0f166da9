package org.trencadis.source.megatron;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.format.Value;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.source.ExpectedTensors;
import org.trencadis.tensor.Region;
import org.trencadis.tensor.Shapes;

/** Megatron's mp_rank folders read as exactly the tensors they were cut from. */
class LegacyFixturesTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures/megatron");

    private static Checkpoint open(Path path) throws IOException {
        return Checkpoint.open(path, OpenOptions.NONE);
    }

    private static Map<String, String> expected(String name) throws IOException {
        return ExpectedTensors.ofMemory(
                ExpectedTensors.read(FIXTURES.resolve(name).resolve("expected.json")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"legacy_tp2_pp2", "legacy_classic_tp2"})
    void wholeTensorsHaveTheDigestsOfMemory(String name) throws IOException {
        for (Path path : List.of(
                FIXTURES.resolve(name).resolve("checkpoint"),
                FIXTURES.resolve(name).resolve("checkpoint/iter_0000100"))) {
            Map<String, String> found = ExpectedTensors.ofCheckpoint(path);
            found.keySet().removeIf(key -> key.matches(".*(fp32|exp_avg|exp_avg_sq)"));
            assertEquals(expected(name), found);
        }
    }

    /** The fixtures' moments are made of the weights: an eighth of them, and their square. */
    @ParameterizedTest
    @ValueSource(strings = {"legacy_tp2_pp2", "legacy_classic_tp2"})
    void optimizerStatesAreThoseOfTheirParameters(String name) throws IOException {
        try (Checkpoint checkpoint = open(FIXTURES.resolve(name).resolve("checkpoint"))) {
            for (String parameter : expected(name).keySet()) {
                float[] weights = floats(checkpoint, parameter, "model");
                float[] masters = floats(checkpoint, parameter, "fp32");
                float[] averages = floats(checkpoint, parameter, "exp_avg");
                float[] squares = floats(checkpoint, parameter, "exp_avg_sq");
                for (int i = 0; i < weights.length; i++) {
                    assertEquals(weights[i], masters[i], parameter);
                    assertEquals(weights[i] * 0.125f, averages[i], parameter);
                    assertEquals(weights[i] * weights[i], squares[i], parameter);
                }
            }
            assertEquals(4 * expected(name).size(), checkpoint.catalog().tensorCount());
        }
    }

    private static float[] floats(Checkpoint checkpoint, String name, String state) throws IOException {
        Tensor tensor = checkpoint.catalog().tensor(checkpoint.catalog().findTensor(name, state));
        int width = tensor.dtype().bytes();
        int elements = (int) Shapes.elements(tensor.shape());
        byte[] bytes = new byte[elements * width];
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(bytes.length);
            checkpoint.read(tensor, Region.whole(tensor.shape()), target);
            MemorySegment.copy(target, ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
        }
        ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        float[] floats = new float[elements];
        for (int i = 0; i < elements; i++) {
            floats[i] = width == 4 ? buffer.getFloat() : Float.intBitsToFloat(buffer.getShort() << 16);
        }
        return floats;
    }

    @Test
    void groupsListParametersInTheModulesOrderStageByStage() throws IOException {
        try (Checkpoint checkpoint = open(FIXTURES.resolve("legacy_tp2_pp2/checkpoint"))) {
            List<Group> groups = checkpoint.catalog().groups();
            assertEquals(1, groups.size());
            assertEquals(
                    "embedding.word_embeddings.weight",
                    groups.getFirst().parameters().getFirst());
            assertEquals("output_layer.weight", groups.getFirst().parameters().getLast());
            assertEquals(
                    expected("legacy_tp2_pp2").size(),
                    groups.getFirst().parameters().size());
            assertEquals(new Value.Int(100), groups.getFirst().settings().find("step"));
            assertEquals(
                    "decoder.layers.1.mlp.linear_fc2.weight",
                    groups.getFirst().parameters().get(12));
        }
    }

    @Test
    void factsSayWhatItWasTakenForAndWhy() throws IOException {
        try (Checkpoint checkpoint = open(FIXTURES.resolve("legacy_tp2_pp2/checkpoint"))) {
            assertEquals("megatron", checkpoint.catalog().findFact("source"));
            assertEquals("iter_0000100", checkpoint.catalog().findFact("tag"));
            Value.Mapping geometry =
                    (Value.Mapping) checkpoint.catalog().facts().find("geometry");
            assertEquals(new Value.Int(2), geometry.find("tp"));
            assertEquals(new Value.Int(2), geometry.find("pp"));
            Value.Sequence evidence =
                    (Value.Sequence) checkpoint.catalog().facts().find("evidence");
            assertTrue(evidence.items().toString().contains("preset llama"), evidence.items()::toString);
            assertEquals(
                    List.of("megatron.vocabulary"),
                    checkpoint.catalog().findings().stream().map(Finding::code).toList());
        }
    }
}
