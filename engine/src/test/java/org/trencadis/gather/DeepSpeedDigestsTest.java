package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.Sources;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Region;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Digests of real checkpoints against each other and against what their training processes held in memory. */
class DeepSpeedDigestsTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures/deepspeed");

    private interface Body {
        void run(Gatherer gatherer) throws IOException;
    }

    private static void open(String name, Body body) throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog =
                        Sources.open(FIXTURES.resolve(name).resolve("checkpoint"), SourceOptions.NONE, cache);
                CheckpointFiles files = CheckpointFiles.open(catalog, Path.of(catalog.findFact("base")), null, cache)) {
            body.run(new Gatherer(catalog, files));
        }
    }

    private static CatalogDigests digests(String name) throws IOException {
        CatalogDigests[] digests = new CatalogDigests[1];
        open(name, gatherer -> {
            digests[0] = new PieceWalk(gatherer, 2).run(null, done -> {});
            assertEquals(List.of(), digests[0].findings());
            checkDerived(gatherer.catalog(), digests[0]);
        });
        return digests[0];
    }

    /** Every model tensor of a parameter that the optimizer owns is the rounding of its master. */
    private static void checkDerived(Catalog catalog, CatalogDigests digests) throws IOException {
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            boolean expected = tensor.state().equals("model") && catalog.findTensor(tensor.name(), "fp32") >= 0;
            assertEquals(expected, digests.isDerived(ordinal), tensor::key);
        }
    }

    private static void checkPair(String name, String reshard, boolean sameRun) throws IOException {
        CatalogDigests one = digests(name);
        CatalogDigests other = digests(name + "__as__" + reshard);
        assertEquals(one.states().keySet(), other.states().keySet());
        for (String state : List.of("fp32", "exp_avg", "exp_avg_sq")) {
            assertArrayEquals(one.states().get(state), other.states().get(state), state);
        }
        // DeepSpeed's universal load resets the buffers that count what was seen.
        assertFalse(Arrays.equals(one.states().get("model"), other.states().get("model")));
        assertFalse(Arrays.equals(one.universal(), other.universal()));
        assertEquals(sameRun, Arrays.equals(one.run(), other.run()));
    }

    @Test
    void stateDigestsDoNotDependOnTheLayoutThatWroteThem() throws IOException {
        checkPair("zero1_dp2_fp32", "zero1_dp3", true);
        checkPair("zero1_dp2_fp32", "zero2_dp4", true);
    }

    @Test
    void runDigestsDifferWhereDeepSpeedChangesHyperparameters() throws IOException {
        checkPair("zero3_dp3", "zero3_dp2", false);
        checkPair("zero3_dp2_subgroups_frozen", "zero3_dp4", false);
        assertArrayEquals(
                digests("zero1_dp3_bf16").run(),
                digests("zero1_dp3_bf16_bf16opt").run());
    }

    @Test
    void flatDigestsAreThoseOfTheTrainingProcessesMemory() throws IOException {
        for (String name : List.of("zero2_dp2_fp16", "zero2_dp4_frozen_tied")) {
            JsonNode expected = expected(name);
            open(name, gatherer -> {
                int[] ordinals = new int[gatherer.catalog().tensorCount()];
                Arrays.setAll(ordinals, ordinal -> ordinal);
                byte[][] digests = new FlatDigests(gatherer).ofTensors(ordinals, 2, done -> {});
                for (int ordinal : ordinals) {
                    Tensor tensor = gatherer.catalog().tensor(ordinal);
                    JsonNode digest = tensor.state().equals("model")
                            ? expected.get("model_dtype_tensors")
                                    .get(tensor.name())
                                    .get("sha256")
                            : expected.get("tensors")
                                    .get(tensor.name())
                                    .get("states")
                                    .get(tensor.state());
                    assertEquals(digest.asString(), HexFormat.of().formatHex(digests[ordinal]), tensor::key);
                }
            });
        }
    }

    /** ZeRO stage 3 does not save the weights in their training type; they follow from the masters. */
    @Test
    void roundedMastersAreTheWeightsThatTheProcessesHeld() throws IOException {
        JsonNode model = expected("zero3_dp3").get("model_dtype_tensors");
        open("zero3_dp3", gatherer -> {
            int compared = 0;
            for (Map.Entry<String, JsonNode> entry : model.properties()) {
                int master = gatherer.catalog().findTensor(entry.getKey(), "fp32");
                if (master >= 0) {
                    byte[] rounded = rounded(gatherer, gatherer.catalog().tensor(master));
                    assertEquals(
                            entry.getValue().get("sha256").asString(),
                            HexFormat.of().formatHex(PieceWalkTest.sha256(rounded)),
                            entry.getKey());
                    compared++;
                }
            }
            assertTrue(compared > 10);
        });
    }

    private static byte[] rounded(Gatherer gatherer, Tensor master) throws IOException {
        byte[] floats = new byte[(int) master.bytes()];
        byte[] rounded = new byte[floats.length / 2];
        gatherer.gather(master, Region.whole(master.shape()), MemorySegment.ofArray(floats));
        Convert.convert(
                Dtype.FLOAT32,
                MemorySegment.ofArray(floats),
                0,
                Dtype.BFLOAT16,
                MemorySegment.ofArray(rounded),
                0,
                master.elements());
        return rounded;
    }

    private static JsonNode expected(String name) throws IOException {
        return new ObjectMapper()
                .readTree(Files.readString(FIXTURES.resolve(name).resolve("expected.json")));
    }
}
