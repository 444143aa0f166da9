package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Every way a real ZeRO checkpoint can go through the commands, against digests from the processes that trained it. */
class ZeroCasesTest {
    @TempDir
    Path temp;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "zero1_dp2_fp32",
                "zero1_dp3_bf16",
                "zero1_dp3_bf16_bf16opt",
                "zero2_dp2_fp16",
                "zero2_dp4_frozen_tied",
                "zero3_dp3",
                "zero3_dp2_subgroups_frozen"
            })
    void rawLinkContainerAndExportHaveTheDigestsOfTraining(String name) throws Exception {
        Path raw = Cli.checkpoint(name);
        Map<String, String> truth = truth(Cli.expected(name));
        List<String> lines = Cli.clean("digest", "--sha256", raw).lines();
        assertAgrees(truth, lines);

        Path link = temp.resolve("link");
        Cli.clean("link", raw, link);
        assertEquals(lines, Cli.clean("digest", "--sha256", link).lines());

        String universal = Cli.clean("digest", raw).lines().getFirst();
        for (String codec : List.of("raw", "lz4", "zstd")) {
            Path container = temp.resolve(codec);
            List<String> report =
                    Cli.clean("import", raw, container, "--codec", codec).lines();
            assertTrue(report.contains(universal), () -> report + " says " + universal);
            assertEquals(lines, Cli.clean("digest", "--sha256", container).lines());
            assertEquals(universal, Cli.clean("digest", container).lines().getFirst());
            assertEquals("", Cli.clean("diff", raw, container).out());
        }
        Path export = temp.resolve("export");
        Cli.clean("export", temp.resolve("zstd"), export, "--format", "safetensors");
        assertExport(truth, SafetensorsReader.read(export.resolve("model.safetensors")));
    }

    /** {@code name TAB state} to digest, of what a checkpoint must hold. */
    private static Map<String, String> truth(JsonNode expected) {
        Map<String, String> truth = new TreeMap<>();
        expected.get("tensors")
                .properties()
                .forEach(tensor -> tensor.getValue()
                        .get("states")
                        .properties()
                        .forEach(state -> truth.put(
                                tensor.getKey() + "\t" + state.getKey(),
                                state.getValue().asString())));
        return truth;
    }

    /** All of {@code truth} is there, and what else is there are tensors of the module. */
    private static void assertAgrees(Map<String, String> truth, List<String> lines) {
        Map<String, String> printed = new TreeMap<>();
        for (String line : lines) {
            String[] fields = line.substring(66).split("\t");
            assertEquals(4, fields.length, line);
            printed.put(fields[0] + "\t" + fields[1], line.substring(0, 64));
        }
        assertEquals(lines.size(), printed.size());
        List<String> keys = lines.stream().map(line -> line.substring(66)).toList();
        assertEquals(keys.stream().sorted().toList(), keys, "sorted by name, then state");
        printed.keySet().removeIf(key -> key.endsWith("\tmodel"));
        assertEquals(truth, printed);
    }

    private static void assertExport(Map<String, String> truth, SafetensorsReader file) throws Exception {
        Map<String, String> masters = truth.entrySet().stream()
                .filter(entry -> entry.getKey().endsWith("\tfp32"))
                .collect(Collectors.toMap(
                        entry -> entry.getKey().substring(0, entry.getKey().indexOf('\t')), Map.Entry::getValue));
        List<String> wrong = new ArrayList<>();
        for (var master : masters.entrySet()) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(file.bytes(master.getKey()));
            if (!HexFormat.of().formatHex(digest).equals(master.getValue())) {
                wrong.add(master.getKey());
            }
        }
        assertEquals(List.of(), wrong);
        assertEquals("pt", file.metadata().get("format"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "zero1_dp2_fp32 zero1_dp2_fp32__as__zero1_dp3",
                "zero1_dp2_fp32 zero1_dp2_fp32__as__zero2_dp4",
                "zero3_dp3 zero3_dp3__as__zero3_dp2",
                "zero3_dp2_subgroups_frozen zero3_dp2_subgroups_frozen__as__zero3_dp4"
            })
    void reshardedPairsDifferInTheBuffersThatDeepSpeedResets(String pair) throws IOException {
        Path left = Cli.checkpoint(pair.split(" ")[0]);
        Path right = Cli.checkpoint(pair.split(" ")[1]);
        Cli.Result diff = Cli.run("diff", left, right);
        assertEquals(CommandRunner.FINDINGS, diff.code());
        List<String> tensors = diff.lines().stream()
                .filter(line -> !line.startsWith("run state\t"))
                .toList();
        assertTrue(
                tensors.stream().allMatch(line -> line.matches("layers\\.[0-9]+\\.seen\tmodel\tvalues\t.*")),
                diff.out());
        assertEquals(2, tensors.size(), diff.out());
        for (String state : List.of("fp32", "exp_avg", "exp_avg_sq")) {
            assertEquals(
                    Cli.clean("digest", left, "--states", state).out(),
                    Cli.clean("digest", right, "--states", state).out());
        }
    }
}
