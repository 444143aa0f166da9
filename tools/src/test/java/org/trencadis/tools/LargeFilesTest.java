package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of many megabytes, which are written past the page cache where they can be, hold what went in. */
class LargeFilesTest {
    private static final int FULL = 5 << 20;

    /** Lengths in bytes about those where chunks, blocks and direct writes begin and end. */
    private static final int[] LENGTHS = {
        FULL, 12, 4 << 20, 4096, (4 << 20) + 4, 300 * 1024, 2 * FULL - 4, 256 * 1024 + 8
    };

    @TempDir
    Path temp;

    private final Map<String, byte[]> tensors = new LinkedHashMap<>();
    private Path raw;

    @BeforeEach
    void write() throws IOException {
        Random random = new Random(7);
        StringBuilder header = new StringBuilder();
        int end = 0;
        for (int number = 0; number < LENGTHS.length; number++) {
            byte[] bytes = new byte[LENGTHS[number]];
            random.nextBytes(bytes);
            // Half of it can be compressed.
            Arrays.fill(bytes, 0, bytes.length / 2, (byte) number);
            tensors.put("t" + number, bytes);
            header.append(number == 0 ? '{' : ',')
                    .append("\"t")
                    .append(number)
                    .append("\":{\"dtype\":\"U8\",\"shape\":[");
            header.append(bytes.length)
                    .append("],\"data_offsets\":[")
                    .append(end)
                    .append(',');
            header.append(end + bytes.length).append("]}");
            end += bytes.length;
        }
        byte[] text = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer file = ByteBuffer.allocate(Long.BYTES + text.length + end).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(text.length).put(text);
        tensors.values().forEach(file::put);
        raw = Files.write(temp.resolve("model.safetensors"), file.array());
    }

    @ParameterizedTest
    @ValueSource(strings = {"raw", "lz4", "zstd"})
    void importedAndExportedAgain(String codec) throws IOException {
        Path store = temp.resolve("store");
        Cli.clean("import", raw, store, "--codec", codec);
        Cli.clean("verify", store, "--level", "data");
        check(store, codec);
    }

    @Test
    void exportedFromTheirOriginals() throws IOException {
        check(raw, "raw");
    }

    private void check(Path what, String name) throws IOException {
        Path out = temp.resolve("out-" + name);
        Cli.clean("export", what, out, "--format", "safetensors");
        SafetensorsReader file = SafetensorsReader.read(out.resolve("model.safetensors"));
        assertEquals(tensors.size(), file.names().size());
        for (Map.Entry<String, byte[]> tensor : tensors.entrySet()) {
            assertArrayEquals(tensor.getValue(), file.bytes(tensor.getKey()), tensor.getKey());
            Path slice = temp.resolve(name + tensor.getKey());
            Cli.clean("slice", what, tensor.getKey(), "-o", slice);
            assertArrayEquals(tensor.getValue(), Files.readAllBytes(slice), tensor.getKey());
        }
    }
}
