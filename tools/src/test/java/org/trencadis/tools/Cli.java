package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;

/** Runs commands in this process, and finds the real checkpoints they run on. */
final class Cli {
    private static final Path DEEPSPEED = Path.of("../engine/src/test/resources/fixtures/deepspeed");
    private static final ObjectMapper JSON = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private Cli() {}

    /** What a command did. */
    record Result(int code, byte[] bytes, String messages) {
        String out() {
            return new String(bytes, StandardCharsets.UTF_8);
        }

        List<String> lines() {
            return out().lines().toList();
        }

        JsonNode json() {
            return JSON.readTree(bytes);
        }
    }

    static Result run(Object... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream messages = new ByteArrayOutputStream();
        String[] words = Stream.of(args).map(String::valueOf).toArray(String[]::new);
        int code = CommandRunner.run(Streams.of(out, messages), words);
        return new Result(code, out.toByteArray(), messages.toString(StandardCharsets.UTF_8));
    }

    /** Runs a command that must end clean and quiet. */
    static Result clean(Object... args) {
        Result result = run(args);
        assertEquals(
                "",
                result.messages(),
                () -> String.join(" ", Stream.of(args).map(String::valueOf).toList()));
        assertEquals(CommandRunner.CLEAN, result.code());
        return result;
    }

    static Path checkpoint(String name) {
        return DEEPSPEED.resolve(name).resolve("checkpoint");
    }

    static JsonNode expected(String name) throws IOException {
        return JSON.readTree(Files.readAllBytes(DEEPSPEED.resolve(name).resolve("expected.json")));
    }

    static JsonNode json(Path file) throws IOException {
        return JSON.readTree(Files.readAllBytes(file));
    }
}
