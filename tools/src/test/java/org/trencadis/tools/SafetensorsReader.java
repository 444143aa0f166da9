package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Reads safetensors files by the rules of the format alone: every byte belongs to one tensor. */
record SafetensorsReader(JsonNode header, byte[] data, int headerBytes) {
    static SafetensorsReader read(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        int length = Math.toIntExact(
                ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong());
        String text = new String(bytes, 8, length, StandardCharsets.UTF_8);
        assertTrue(text.startsWith("{"), "a header starts with {");
        SafetensorsReader reader = new SafetensorsReader(
                new ObjectMapper().readTree(text), Arrays.copyOfRange(bytes, 8 + length, bytes.length), length);
        reader.checkCoverage();
        return reader;
    }

    private void checkCoverage() {
        assertEquals(0, headerBytes % 8);
        List<long[]> ranges = new ArrayList<>();
        for (String name : names()) {
            ranges.add(range(name));
        }
        ranges.sort(Comparator.comparingLong((long[] range) -> range[0]).thenComparingLong(range -> range[1]));
        long end = 0;
        for (long[] range : ranges) {
            assertEquals(end, range[0], "no gap and no overlap");
            end = range[1];
        }
        assertEquals(data.length, end);
    }

    List<String> names() {
        return header.propertyNames().stream()
                .filter(name -> !name.equals("__metadata__"))
                .toList();
    }

    private long[] range(String name) {
        JsonNode offsets = header.get(name).get("data_offsets");
        return new long[] {offsets.get(0).asLong(), offsets.get(1).asLong()};
    }

    byte[] bytes(String name) {
        long[] range = range(name);
        return Arrays.copyOfRange(data, (int) range[0], (int) range[1]);
    }

    String dtype(String name) {
        return header.get(name).get("dtype").asString();
    }

    Map<String, String> metadata() {
        Map<String, String> metadata = new LinkedHashMap<>();
        header.get("__metadata__")
                .properties()
                .forEach(entry -> metadata.put(entry.getKey(), entry.getValue().asString()));
        return metadata;
    }
}
