package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A command whose files are cut under it ends with 2 and says which. */
class CutFilesTest {
    private static final int TENSORS = 4_000;

    @TempDir
    Path temp;

    private Path weights;
    private Path container;

    /** Many tensors of one float each, whose listing is longer than any buffer of the output. */
    @BeforeEach
    void linkManyTensors() throws IOException {
        weights = temp.resolve("weights.safetensors");
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i < TENSORS; i++) {
            header.append(i == 0 ? "" : ",")
                    .append("\"a.tensor.with.a.long.name.")
                    .append(i)
                    .append("\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[")
                    .append(4 * i)
                    .append(',')
                    .append(4 * i + 4)
                    .append("]}");
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + json.length + 4 * TENSORS).order(ByteOrder.LITTLE_ENDIAN);
        Files.write(weights, bytes.putLong(json.length).put(json).array());
        container = temp.resolve("store");
        Cli.clean("link", weights, container, "--as", "a");
    }

    private static void cut(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(4096);
        }
    }

    /** Runs a command, and cuts {@code file} with the first bytes of its output. */
    private static void assertCut(Path file, Object... args) {
        OutputStream out = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                cut(file);
            }

            @Override
            public void write(byte[] b, int off, int len) throws IOException {
                cut(file);
            }
        };
        ByteArrayOutputStream messages = new ByteArrayOutputStream();
        String[] words = Stream.of(args).map(String::valueOf).toArray(String[]::new);
        int code = CommandRunner.run(Streams.of(out, messages), words);
        assertEquals(
                "trencadis: " + file + ": was cut while it was read",
                messages.toString(StandardCharsets.UTF_8).strip());
        assertEquals(CommandRunner.FAILED, code);
    }

    @Test
    void aListingOfAnIndexThatIsCutEndsWithTwo() {
        assertCut(container.resolve("checkpoints/a.1.idx"), "ls", container);
    }
}
