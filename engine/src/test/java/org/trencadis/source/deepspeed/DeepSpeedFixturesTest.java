package org.trencadis.source.deepspeed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.format.Value;
import org.trencadis.index.Alias;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.storage.FileCache;
import tools.jackson.databind.JsonNode;

/** Every real checkpoint reads as exactly the tensors that the training processes had in memory. */
class DeepSpeedFixturesTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "zero1_dp2_fp32",
                "zero1_dp2_fp32__as__zero1_dp3",
                "zero1_dp2_fp32__as__zero2_dp4",
                "zero1_dp3_bf16",
                "zero1_dp3_bf16_bf16opt",
                "zero2_dp2_fp16",
                "zero2_dp4_frozen_tied",
                "zero3_dp3",
                "zero3_dp3__as__zero3_dp2",
                "zero3_dp2_subgroups_frozen",
                "zero3_dp2_subgroups_frozen__as__zero3_dp4",
                "zero1_dp2_legacy_pickle",
                "zero1_dp2_elastic",
                "zero1_dp2_aligned",
                "zero2_dp3_round_robin",
                "tp2_dp2_zero1",
                "tp2_dp2_zero1__as__tp1_dp2",
                "tp2_dp2_zero1__as__tp1_dp4_bf16opt",
                "tp2_dp2_zero1_v02",
                "zero2_tp2_dp1_frozen",
                "autotp2_dp2_zero1",
                "autotp2_dp2_zero1__as__plain_dp3",
                "pp2_dp2_zero1_tied",
                "pp2_dp2_zero1_tied__as__pp1_dp3",
                "tp2_pp2_dp2_zero1",
                "tp2_pp2_dp2_zero1__as__tp1_pp2_dp1",
                "moe_ep2_dp2_zero1",
                "autoep2_dp2_zero1",
                "zero0_dp2_fp32",
                "zero0_dp2_bf16",
            })
    void tensorsGroupsAndAliasesEqualMemory(String name) throws IOException {
        JsonNode expected = Fixtures.expected(name);
        check(expected, Fixtures.checkpoint(name), expected.get("tag").asString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"zero1_dp2_fp32", "tp2_dp2_zero1", "zero3_dp3"})
    void universalFoldersReadLikeTheCheckpointTheyWereMadeOf(String name) throws IOException {
        JsonNode expected = Fixtures.expected(name);
        check(
                expected,
                Fixtures.DEEPSPEED.resolve(name).resolve("universal"),
                expected.get("tag").asString() + "_universal");
    }

    @Test
    void paddingRowsOfAVocabularyAreKeptAsMargin() throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Fixtures.open(Fixtures.checkpoint("tp2_dp2_zero1"), cache)) {
            NaiveGather gather = new NaiveGather(catalog);
            for (String state : List.of("fp32", "exp_avg", "exp_avg_sq", "model")) {
                Tensor tensor = catalog.tensor(catalog.findTensor("embed.weight", state));
                assertEquals(1, tensor.marginCount());
                byte[] padded = gather.bytes(tensor, tensor.copyCount(), new long[] {112, 32});
                ByteBuffer rows = ByteBuffer.wrap(padded).order(ByteOrder.LITTLE_ENDIAN);
                int width = tensor.dtype().bytes();
                for (int at = 101 * 32 * width; at < padded.length; at += width) {
                    float value = width == 4 ? rows.getFloat(at) : Float.intBitsToFloat(rows.getShort(at) << 16);
                    // Initialised to 7, decayed three times, never trained.
                    boolean moment = state.startsWith("exp");
                    assertEquals(moment ? 0 : 6.979f, value, moment ? 0 : 0.03f, state);
                }
            }
            assertEquals(
                    0, catalog.tensor(catalog.findTensor("norm.weight", "fp32")).marginCount());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "zero1_dp2_fp32,",
        "zero3_dp3,",
        "tp2_pp2_dp2_zero1,",
        "autotp2_dp2_zero1,",
        "zero2_dp3_round_robin, deepspeed.slice-mappings",
        "zero1_dp2_elastic, source.no-hyperparameters",
        "zero0_dp2_fp32, deepspeed.matched-by-order"
    })
    void onlyWhatAPersonShouldKnowIsAFinding(String name, String code) throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Fixtures.open(Fixtures.checkpoint(name), cache)) {
            assertEquals(
                    code == null ? List.of() : List.of(code),
                    catalog.findings().stream().map(Finding::code).toList());
        }
    }

    @Test
    void dynamicLossScalerIsAFactAndAStaticOneIsNot() throws IOException {
        try (FileCache cache = new FileCache();
                Catalog dynamic = Fixtures.open(Fixtures.checkpoint("zero2_dp2_fp16"), cache);
                Catalog fixed = Fixtures.open(Fixtures.checkpoint("zero1_dp2_fp32"), cache)) {
            Value.Mapping scaler = (Value.Mapping) dynamic.facts().find("loss_scaler");
            assertEquals(new Value.Int(256), scaler.find("cur_scale"));
            assertEquals(new Value.Bool(true), scaler.find("dynamic"));
            assertEquals(null, fixed.facts().find("loss_scaler"));
        }
    }

    private static void check(JsonNode expected, Path directory, String tag) throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Fixtures.open(directory, cache)) {
            assertEquals("", difference(expectedTensors(expected), tensors(catalog)));
            assertEquals(expectedAliases(expected), aliases(catalog));
            checkGroups(expected, catalog.groups());
            assertEquals(tag, catalog.findFact("tag"));
            checkFacts(expected, catalog);
        }
    }

    /** Lines that only one of both has. */
    private static String difference(Map<String, String> expected, Map<String, String> actual) {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, String> line : expected.entrySet()) {
            if (!line.getValue().equals(actual.get(line.getKey()))) {
                text.append(line)
                        .append(" but ")
                        .append(actual.get(line.getKey()))
                        .append('\n');
            }
        }
        actual.keySet().stream()
                .filter(key -> !expected.containsKey(key))
                .forEach(key -> text.append("unexpected ").append(key).append('\n'));
        return text.toString();
    }

    /** {@code name:state} → dtype, shape and digest. */
    private static Map<String, String> expectedTensors(JsonNode expected) {
        Map<String, String> lines = new TreeMap<>();
        for (Map.Entry<String, JsonNode> tensor : expected.get("tensors").properties()) {
            for (Map.Entry<String, JsonNode> state :
                    tensor.getValue().get("states").properties()) {
                lines.put(
                        tensor.getKey() + ":" + state.getKey(),
                        "float32 " + tensor.getValue().get("shape") + " "
                                + state.getValue().asString());
            }
        }
        boolean stage3 = expected.get("layout").get("zero_stage").asInt() == 3;
        for (Map.Entry<String, JsonNode> tensor :
                expected.get("model_dtype_tensors").properties()) {
            JsonNode value = tensor.getValue();
            boolean partitioned = stage3 && !value.has("buffer") && !value.has("frozen");
            if (!partitioned
                    && (!value.has("in_checkpoint")
                            || value.get("in_checkpoint").asBoolean())) {
                JsonNode digest =
                        value.has("sha256_per_tp_rank") ? value.get("sha256_per_tp_rank") : value.get("sha256");
                digest = digest.size() == 1 ? digest.get(0) : digest;
                lines.put(
                        tensor.getKey() + ":model",
                        value.get("dtype").asString() + " " + value.get("shape") + " "
                                + digest.toString().replace("\"", ""));
            }
        }
        return lines;
    }

    private static Map<String, String> tensors(Catalog catalog) throws IOException {
        NaiveGather gather = new NaiveGather(catalog);
        Map<String, String> lines = new TreeMap<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            lines.put(
                    tensor.key(),
                    tensor.dtype().torchName() + " "
                            + new ArrayList<>(shape(tensor)).toString().replace(" ", "") + " "
                            + digest(gather, tensor));
        }
        return lines;
    }

    private static List<Long> shape(Tensor tensor) {
        List<Long> shape = new ArrayList<>();
        for (long extent : tensor.shape()) {
            shape.add(extent);
        }
        return shape;
    }

    /** The digest of copy 0, which all other copies must have; of a blend, the copies' digests or its mean's. */
    private static String digest(NaiveGather gather, Tensor tensor) throws IOException {
        List<byte[]> copies = new ArrayList<>();
        for (int copy = 0; copy < tensor.copyCount(); copy++) {
            copies.add(gather.bytes(tensor, copy, tensor.shape()));
        }
        if (tensor.blend() && tensor.state().equals(Reading.MODEL)) {
            return copies.stream().map(NaiveGather::sha256).toList().toString().replace(" ", "");
        }
        if (tensor.blend()) {
            return NaiveGather.sha256(mean(copies));
        }
        for (byte[] copy : copies) {
            assertArrayEquals(copies.getFirst(), copy, tensor.key());
        }
        return NaiveGather.sha256(copies.getFirst());
    }

    private static byte[] mean(List<byte[]> copies) {
        ByteBuffer mean = ByteBuffer.allocate(copies.getFirst().length).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < mean.capacity(); at += 4) {
            float sum = 0;
            for (byte[] copy : copies) {
                sum += ByteBuffer.wrap(copy).order(ByteOrder.LITTLE_ENDIAN).getFloat(at);
            }
            mean.putFloat(at, sum / copies.size());
        }
        return mean.array();
    }

    private static Map<String, String> expectedAliases(JsonNode expected) {
        Map<String, String> aliases = new TreeMap<>();
        expected.get("shared")
                .properties()
                .forEach(entry -> aliases.put(entry.getKey(), entry.getValue().asString()));
        return aliases;
    }

    private static Map<String, String> aliases(Catalog catalog) throws IOException {
        Map<String, String> aliases = new TreeMap<>();
        for (Alias alias : catalog.aliases()) {
            aliases.put(alias.name(), alias.target());
        }
        return aliases;
    }

    private static void checkGroups(JsonNode expected, List<Group> groups) {
        JsonNode settings = expected.get("optimizer_groups");
        assertEquals(settings.size(), groups.size());
        TreeSet<String> names = new TreeSet<>();
        for (int number = 0; number < groups.size(); number++) {
            Group group = groups.get(number);
            for (String name : group.parameters()) {
                assertTrue(names.add(name), "in two groups: " + name);
                long step = expected.get("tensors").get(name).get("step").asLong();
                assertEquals(new Value.Int(step), group.settings().find("step"), name);
            }
            if (group.settings().entries().size() > 1) {
                settings.get(number)
                        .properties()
                        .forEach(entry -> assertEquals(
                                value(entry.getValue()), group.settings().find(entry.getKey()), entry.getKey()));
                assertEquals(null, group.settings().find("params"));
            }
        }
        assertEquals(new TreeSet<>(expected.get("tensors").propertyNames()), names);
    }

    private static Value value(JsonNode node) {
        if (node.isArray()) {
            List<Value> items = new ArrayList<>();
            node.forEach(item -> items.add(value(item)));
            return new Value.Tuple(items);
        }
        return node.isString() ? new Value.Text(node.asString()) : new Value.Real(node.asDouble());
    }

    private static void checkFacts(JsonNode expected, Catalog catalog) throws IOException {
        assertEquals("deepspeed", catalog.findFact("source"));
        assertEquals("0.19.8", catalog.findFact("framework_version"));
        Value.Mapping geometry = (Value.Mapping) catalog.facts().find("geometry");
        for (String number : List.of("zero_stage", "dp", "tp", "pp", "ep")) {
            assertEquals(new Value.Int(expected.get("layout").get(number).asLong()), geometry.find(number), number);
        }
        TreeSet<String> buffers = new TreeSet<>();
        TreeSet<String> frozen = new TreeSet<>();
        for (Map.Entry<String, JsonNode> tensor :
                expected.get("model_dtype_tensors").properties()) {
            if (tensor.getValue().has("buffer")) {
                buffers.add(tensor.getKey());
            } else if (tensor.getValue().has("frozen")) {
                frozen.add(tensor.getKey());
            }
        }
        assertEquals(buffers, new TreeSet<>(texts(catalog.facts().find("buffers"))));
        assertEquals(frozen, new TreeSet<>(texts(catalog.facts().find("frozen"))));
        assertFalse(catalog.attachments().isEmpty());
    }

    private static List<String> texts(Value value) {
        return ((Value.Sequence) value)
                .items().stream().map(text -> ((Value.Text) text).value()).toList();
    }
}
