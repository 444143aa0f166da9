package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** What exports hold, read back by the rules of the format. */
class ExportCommandTest {
    private static final Pattern BUFFERS = Pattern.compile(".*\\.(seen|mask|position)");

    @TempDir
    Path temp;

    private Path raw;
    private Path out;

    @BeforeEach
    void unpack() throws IOException {
        raw = Sample.unpack(temp);
        out = temp.resolve("out");
    }

    private SafetensorsReader export(Object... options) throws IOException {
        List<Object> args = new ArrayList<>(List.of("export", raw, out, "--format", "safetensors"));
        args.addAll(List.of(options));
        Cli.clean(args.toArray());
        return SafetensorsReader.read(out.resolve("model.safetensors"));
    }

    @Test
    void anUnknownFormatIsToldTheNamesThatAreTaken() {
        Cli.Result refused = Cli.run("export", raw, out, "--format", "gguf");
        assertEquals(CommandRunner.USAGE, refused.code());
        String message = refused.messages();
        assertTrue(message.contains("safetensors and deepspeed-universal can be written, not gguf"), message);
        assertFalse(message.contains("DEEPSPEED_UNIVERSAL"), message);
    }

    @Test
    void weightsAreMastersAndBuffersUnderPlainNames() throws IOException {
        SafetensorsReader file = export();
        assertEquals(23, file.names().size());
        assertEquals("F32", file.dtype("embed.weight"));
        assertEquals("I64", file.dtype("layers.0.seen"));
        assertEquals("BOOL", file.dtype("layers.0.attn.mask"));
        for (String name : file.names()) {
            String state = BUFFERS.matcher(name).matches() ? "model" : "fp32";
            assertArrayEquals(Cli.clean("slice", raw, name + ":" + state).bytes(), file.bytes(name), name);
        }
        assertEquals(Map.of("format", "pt"), file.metadata());
    }

    @ParameterizedTest
    @CsvSource({"BF16,BF16", "bfloat16,BF16", "Float16,F16", "fp16,F16", "FLOAT32,F32", "fp32,F32"})
    void typesHaveTheirShortNameAndTorchsInAnyCase(String word, String dtype) throws IOException {
        assertEquals(dtype, export("--dtype", word).dtype("embed.weight"));
    }

    @Test
    void anotherTypeIsWrongUsage() {
        Cli.Result result = Cli.run("export", raw, out, "--format", "safetensors", "--dtype", "int8");
        assertEquals(CommandRunner.USAGE, result.code());
        assertTrue(result.messages().contains("bf16, fp16 or fp32"), result.messages());
        assertFalse(Files.exists(out));
    }

    /** As a killed export leaves it. */
    @Test
    void whatAKilledExportLeftIsRemoved() throws IOException {
        Path left = temp.resolve(".out.0b8d1a52-7f6e-4a0b-9f3e-1d2c3b4a5968.partial");
        Files.createDirectories(left.resolve("out"));
        Files.write(left.resolve("out/model.safetensors"), new byte[10]);
        Files.createFile(left.resolve("lock"));
        export();
        assertFalse(Files.exists(left));
    }

    @Test
    void widerTypesComeFirstThenNames() throws IOException {
        List<String> order = List.of("I64", "F32", "BF16", "BOOL");
        SafetensorsReader file = export("--states", "model,fp32");
        List<String> keys = file.names().stream()
                .map(name -> order.indexOf(file.dtype(name)) + " " + name)
                .toList();
        assertEquals(keys.stream().sorted().toList(), keys);
    }

    @Test
    void roundedMastersAreTheWeightsThatTrainingUsed() throws IOException {
        SafetensorsReader file = export("--dtype", "bf16");
        for (String name : file.names()) {
            if (BUFFERS.matcher(name).matches()) {
                continue;
            }
            assertEquals("BF16", file.dtype(name));
            assertArrayEquals(Cli.clean("slice", raw, name + ":model").bytes(), file.bytes(name), name);
        }
        assertEquals("I64", file.dtype("layers.0.seen"));
    }

    @Test
    void severalStatesAreToldApartByTheirNames() throws IOException {
        SafetensorsReader file = export("--states", "exp_avg,exp_avg_sq", "--include", "*.weight");
        assertTrue(
                file.names().stream().allMatch(name -> name.matches(".*\\.weight\\.exp_avg(_sq)?")),
                file.names()::toString);
        assertArrayEquals(
                Cli.clean("slice", raw, "embed.weight:exp_avg_sq").bytes(), file.bytes("embed.weight.exp_avg_sq"));
    }

    @Test
    void oneStateKeepsPlainNames() throws IOException {
        SafetensorsReader file = export("--states", "exp_avg");
        assertArrayEquals(Cli.clean("slice", raw, "embed.weight:exp_avg").bytes(), file.bytes("embed.weight"));
        assertEquals(17, file.names().size());
    }

    @Test
    void aSizeSplitsTheTensorsOverNumberedFilesWithAnIndex() throws IOException {
        SafetensorsReader whole = export();
        Path sharded = temp.resolve("sharded");
        Cli.clean("export", raw, sharded, "--format", "safetensors", "--max-shard-size", "20KB");
        JsonNode index = Cli.json(sharded.resolve("model.safetensors.index.json"));
        assertEquals(
                whole.data().length, index.get("metadata").get("total_size").asLong());
        JsonNode weights = index.get("weight_map");
        assertEquals(Set.copyOf(whole.names()), Set.copyOf(weights.propertyNames()));
        Set<String> files = new HashSet<>();
        for (String name : whole.names()) {
            String file = weights.get(name).asString();
            files.add(file);
            SafetensorsReader shard = SafetensorsReader.read(sharded.resolve(file));
            assertArrayEquals(whole.bytes(name), shard.bytes(name), name);
            assertTrue(shard.data().length <= 20_000 || shard.names().size() == 1, file);
        }
        files.add("model.safetensors.index.json");
        try (Stream<Path> entries = Files.list(sharded)) {
            assertEquals(
                    files,
                    Set.copyOf(
                            entries.map(entry -> entry.getFileName().toString()).toList()));
        }
        assertTrue(files.contains(
                String.format(java.util.Locale.ROOT, "model-00001-of-%05d.safetensors", files.size() - 1)));
    }

    @Test
    void aNameThatEndsLikeAFileIsOne() throws IOException {
        export();
        Path file = temp.resolve("weights.safetensors");
        Cli.clean("export", raw, file, "--format", "safetensors");
        assertArrayEquals(Files.readAllBytes(out.resolve("model.safetensors")), Files.readAllBytes(file));
    }

    @Test
    void aTiedParameterIsWrittenOnceAndItsOtherNameIsNoted() throws IOException {
        raw = Cli.checkpoint("zero2_dp4_frozen_tied");
        SafetensorsReader file = export();
        Cli.expected("zero2_dp4_frozen_tied").get("shared").properties().forEach(shared -> {
            assertFalse(file.names().contains(shared.getKey()));
            assertEquals(shared.getValue().asString(), file.metadata().get(shared.getKey()));
        });
    }

    @Test
    void nothingSelectedOrNoPlaceToWriteLeavesNothing() throws IOException {
        assertEquals(
                2,
                Cli.run("export", raw, out, "--format", "safetensors", "--include", "none")
                        .code());
        Path inAbsent = temp.resolve("absent/out");
        assertEquals(
                2, Cli.run("export", raw, inAbsent, "--format", "safetensors").code());
        assertFalse(Files.exists(inAbsent.getParent()));
        try (Stream<Path> entries = Files.list(temp)) {
            assertEquals(List.of(raw), entries.toList());
        }
    }

    @Test
    void aUniversalFolderIsWrittenForTheStageThatIsNamed() {
        Cli.Result result = Cli.run("export", raw, out, "--format", "deepspeed-universal", "--layout", "zero=1");
        assertEquals(0, result.code(), result.messages());
        assertTrue(Files.exists(out.resolve("latest_universal")));
        Path other = temp.resolve("other");
        assertEquals(
                3,
                Cli.run("export", raw, other, "--format", "deepspeed-universal", "--dtype", "bf16")
                        .code());
        assertEquals(
                3,
                Cli.run("export", raw, other, "--format", "deepspeed-universal", "--layout", "zero=9")
                        .code());
        assertFalse(Files.exists(other));
    }
}
