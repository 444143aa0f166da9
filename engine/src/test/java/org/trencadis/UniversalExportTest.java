package org.trencadis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.format.Value;
import org.trencadis.layout.UniversalLayout;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Universal folders against those of DeepSpeed's converter and against the training processes' memory. */
class UniversalExportTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures/deepspeed");
    /** The source's ranks, which a universal folder has no use for but the converter copies. */
    private static final Set<String> RANK_KEYS = Set.of(
            "group_paddings",
            "param_alignment_paddings",
            "partition_count",
            "fp32_flat_groups",
            "ds_zero_partition_groups");

    @TempDir
    Path directory;

    @ParameterizedTest
    @CsvSource({"zero1_dp2_fp32, 1", "tp2_dp2_zero1, 1", "zero3_dp3, 3"})
    void parameterFilesHoldWhatTheConvertersHold(String name, int stage) throws IOException {
        Path theirs = FIXTURES.resolve(name).resolve("universal/global_step3_universal/zero");
        Path ours = export(name, stage).resolve("global_step3_universal/zero");
        Map<String, Value> expected = values(theirs);
        Map<String, Value> actual = values(ours);
        assertEquals(expected.keySet(), actual.keySet());
        for (Map.Entry<String, Value> file : expected.entrySet()) {
            if (!file.getKey().equals("optimizer_state.pt")) {
                assertEquals(file.getValue(), actual.get(file.getKey()), file.getKey());
            }
        }
        Value.Mapping optimizer = (Value.Mapping) unshared(actual.get("optimizer_state.pt"), new ArrayList<>());
        Value.Mapping theirOptimizer = (Value.Mapping) unshared(expected.get("optimizer_state.pt"), new ArrayList<>());
        for (Value.Entry entry : theirOptimizer.entries()) {
            String key = ((Value.Text) entry.key()).value();
            if (key.equals("optimizer_state_dict")) {
                assertEquals(steps(entry.value()), steps(optimizer.find(key)));
            } else if (!RANK_KEYS.contains(key)) {
                assertEquals(entry.value(), optimizer.find(key), key);
            }
        }
    }

    /**
     * The value with every reference to a shared part replaced by the part.
     *
     * @param containers in the order of their start
     */
    private static Value unshared(Value value, List<Value> containers) {
        int number = containers.size();
        switch (value) {
            case Value.Shared shared -> {
                return containers.get((int) shared.ordinal());
            }
            case Value.Sequence list -> {
                containers.add(null);
                containers.set(
                        number,
                        new Value.Sequence(list.items().stream()
                                .map(item -> unshared(item, containers))
                                .toList()));
            }
            case Value.Tuple tuple -> {
                containers.add(null);
                containers.set(
                        number,
                        new Value.Tuple(tuple.items().stream()
                                .map(item -> unshared(item, containers))
                                .toList()));
            }
            case Value.Mapping mapping -> {
                containers.add(null);
                containers.set(
                        number,
                        new Value.Mapping(mapping.entries().stream()
                                .map(entry -> new Value.Entry(entry.key(), unshared(entry.value(), containers)))
                                .toList()));
            }
            case Value.Instance instance -> {
                containers.add(null);
                Value arguments = unshared(instance.arguments(), containers);
                Value state = unshared(instance.state(), containers);
                containers.set(number, new Value.Instance(instance.callable(), arguments, state));
            }
            default -> {
                return value;
            }
        }
        return containers.get(number);
    }

    /** Steps and groups of a stage 3 optimizer, without the flat tensors of one rank. */
    private static String steps(Value optimizer) {
        Value.Mapping mapping = (Value.Mapping) optimizer;
        List<String> steps = new ArrayList<>();
        for (Value.Entry entry : ((Value.Mapping) mapping.find("state")).entries()) {
            Value.Tensor step = (Value.Tensor) ((Value.Mapping) entry.value()).find("step");
            steps.add(entry.key() + " " + HexFormat.of().formatHex(step.bytes().value()));
        }
        return steps + " " + mapping.find("param_groups");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "zero1_dp2_fp32",
                "zero1_dp2_aligned",
                "zero1_dp2_elastic",
                "zero1_dp2_legacy_pickle",
                "zero1_dp3_bf16_bf16opt",
                "zero2_dp2_fp16",
                "zero2_dp3_round_robin",
                "zero2_dp4_frozen_tied",
                "zero2_tp2_dp1_frozen",
                "zero3_dp2_subgroups_frozen",
                "zero3_dp3",
                "tp2_dp2_zero1",
                "tp2_dp2_zero1_v02",
                "tp2_pp2_dp2_zero1",
                "pp2_dp2_zero1_tied",
                "autotp2_dp2_zero1",
                "autoep2_dp2_zero1",
            })
    void eitherLoaderGetsWhatMemoryHeldWhateverStageWroteIt(String name) throws IOException {
        JsonNode tensors = new ObjectMapper()
                .readTree(Files.readString(FIXTURES.resolve(name).resolve("expected.json")))
                .get("tensors");
        for (int stage : new int[] {1, 3}) {
            Path zero = export(name, stage).resolve("global_step3_universal/zero");
            try (FileCache cache = new FileCache()) {
                for (String parameter : tensors.propertyNames()) {
                    check(zero.resolve(parameter), stage, tensors.get(parameter), cache);
                }
            }
        }
    }

    private static void check(Path folder, int stage, JsonNode expected, FileCache cache) throws IOException {
        JsonNode states = expected.get("states");
        for (String state : states.propertyNames()) {
            try (TorchFile file = TorchFile.open(folder.resolve(state + ".pt"), cache)) {
                Node root = file.root();
                boolean isBare = root.kind() == Node.Kind.TENSOR;
                TorchTensor tensor = (isBare ? root : root.get("param")).asTensor();
                assertTrue(!isBare || stage == 3 && tensor.shape().length == 1, folder + " " + state);
                assertEquals(states.get(state).asString(), sha256(file, tensor), folder + " " + state);
            }
        }
        Path step = folder.resolve("step.pt");
        assertEquals(stage == 1, Files.exists(step));
        if (stage == 1) {
            try (TorchFile file = TorchFile.open(step, cache)) {
                assertEquals(expected.get("step").asInt(), file.root().asLong());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "zero0_dp2_bf16, 1",
        "zero1_dp2_fp32, 3",
        "zero2_dp2_fp16, 1",
        "zero2_dp4_frozen_tied, 3",
        "zero3_dp2_subgroups_frozen, 1",
        "moe_ep2_dp2_zero1, 1",
        "tp2_pp2_dp2_zero1, 1",
        "autotp2_dp2_zero1, 3",
    })
    void readBackItIsTheSameStateOfTraining(String name, int stage) throws IOException {
        Path out = export(name, stage);
        try (Checkpoint source = open(name);
                Checkpoint universal = Checkpoint.open(out, OpenOptions.NONE)) {
            CheckpointDigests expected = source.digests(Progress.NONE);
            CheckpointDigests actual = universal.digests(Progress.NONE);
            assertArrayEquals(expected.universal(), actual.universal());
            assertArrayEquals(expected.run(), actual.run());
            assertEquals(flatDigests(source), flatDigests(universal));
            Path again = directory.resolve("again");
            universal.exportUniversal(again, new UniversalLayout(stage), 2, Progress.NONE);
            assertEquals(files(out).keySet(), files(again).keySet());
        }
    }

    private static Map<String, String> flatDigests(Checkpoint checkpoint) throws IOException {
        Map<String, String> digests = new TreeMap<>();
        for (TensorDigest digest : checkpoint.flatDigests(TensorFilter.ALL, Progress.NONE)) {
            digests.put(digest.tensor().toString(), HexFormat.of().formatHex(digest.flat()));
        }
        return digests;
    }

    @Test
    void theFolderIsTheSameFromAContainer() throws IOException {
        Path container = directory.resolve("c");
        try (Checkpoint raw = open("tp2_dp2_zero1")) {
            raw.importInto(container, ImportSettings.standard(), Progress.NONE);
            raw.exportUniversal(directory.resolve("raw"), UniversalLayout.STANDARD, 2, Progress.NONE);
        }
        try (Checkpoint stored = Checkpoint.open(container, OpenOptions.NONE)) {
            stored.exportUniversal(directory.resolve("stored"), UniversalLayout.STANDARD, 1, Progress.NONE);
        }
        Map<String, Path> raw = files(directory.resolve("raw"));
        Map<String, Path> stored = files(directory.resolve("stored"));
        assertEquals(raw.keySet(), stored.keySet());
        for (String name : raw.keySet()) {
            assertEquals(-1, Files.mismatch(raw.get(name), stored.get(name)), name);
        }
    }

    @Test
    void loadCheckpointFindsTheTagAndTheModelFileOfItsStage() throws IOException {
        Path first = export("zero3_dp3", 1);
        assertEquals("global_step3_universal", Files.readString(first.resolve("latest_universal")));
        assertTrue(Files.exists(first.resolve("global_step3_universal/mp_rank_00_model_states.pt")));
        Path third = export("zero1_dp2_fp32", 3);
        Path model = third.resolve("global_step3_universal/zero_pp_rank_0_mp_rank_00_model_states.pt");
        try (FileCache cache = new FileCache();
                TorchFile file = TorchFile.open(model, cache)) {
            Node root = file.root();
            assertEquals(1, root.get("mp_world_size").asLong());
            assertEquals(3, root.get("global_steps").asLong());
            assertEquals(2, root.get("lr_scheduler").get("last_batch_iteration").asLong());
            assertEquals(3, root.get("iteration").asLong());
        }
    }

    @Test
    void whatExistsIsNotReplacedAndNothingIsLeft() throws IOException {
        Path out = Files.createDirectory(directory.resolve("out"));
        try (Checkpoint checkpoint = open("zero1_dp2_fp32")) {
            assertThrows(
                    FileAlreadyExistsException.class,
                    () -> checkpoint.exportUniversal(out, UniversalLayout.STANDARD, 2, Progress.NONE));
        }
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(List.of(out), left.toList());
        }
    }

    @Test
    void aSourceThatChangesLeavesNothing() throws IOException {
        Path copy = directory.resolve("copy");
        copyTree(FIXTURES.resolve("zero1_dp2_fp32/checkpoint"), copy);
        Path out = directory.resolve("out");
        try (Checkpoint checkpoint = Checkpoint.open(copy, OpenOptions.NONE)) {
            Path file = copy.resolve("global_step3/zero_pp_rank_1_mp_rank_00_optim_states.pt");
            Files.write(file, new byte[] {0}, java.nio.file.StandardOpenOption.APPEND);
            assertThrows(
                    IOException.class,
                    () -> checkpoint.exportUniversal(out, UniversalLayout.STANDARD, 2, Progress.NONE));
        }
        assertFalse(Files.exists(out));
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(List.of(copy), left.toList());
        }
    }

    private static Checkpoint open(String name) throws IOException {
        return Checkpoint.open(FIXTURES.resolve(name).resolve("checkpoint"), OpenOptions.NONE);
    }

    private Path export(String name, int stage) throws IOException {
        Path out = directory.resolve(name + "-zero" + stage);
        try (Checkpoint checkpoint = open(name)) {
            UniversalReport report = checkpoint.exportUniversal(out, new UniversalLayout(stage), 2, Progress.NONE);
            assertEquals(List.of(), report.notices());
            assertEquals(files(out).size(), report.files());
        }
        return out;
    }

    private static Map<String, Path> files(Path root) throws IOException {
        Map<String, Path> files = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(root)) {
            walk.filter(Files::isRegularFile)
                    .forEach(file -> files.put(root.relativize(file).toString().replace('\\', '/'), file));
        }
        return files;
    }

    /** The values of all files below {@code root}, tensors by content. */
    private static Map<String, Value> values(Path root) throws IOException {
        Map<String, Value> values = new TreeMap<>();
        try (FileCache cache = new FileCache()) {
            for (Map.Entry<String, Path> file : files(root).entrySet()) {
                try (TorchFile torch = TorchFile.open(file.getValue(), cache)) {
                    values.put(file.getKey(), torch.root().toValue(1 << 20));
                }
            }
        }
        return values;
    }

    private static String sha256(TorchFile file, TorchTensor tensor) throws IOException {
        assertTrue(tensor.isRowMajor());
        byte[] bytes = new byte[Math.toIntExact(tensor.sizeBytes())];
        try (Arena arena = Arena.ofConfined();
                java.nio.channels.FileChannel channel = java.nio.channels.FileChannel.open(file.file())) {
            MemorySegment content = arena.allocate(Math.max(1, bytes.length));
            channel.read(content.asByteBuffer().limit(bytes.length), tensor.offsetBytes());
            MemorySegment.copy(content, ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static void copyTree(Path from, Path to) throws IOException {
        for (Path file : files(from).values()) {
            Path target = to.resolve(from.relativize(file).toString());
            Files.createDirectories(target.getParent());
            Files.copy(file, target);
            assertTrue(target.toFile().setWritable(true));
        }
    }
}
