package org.trencadis.tools;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** Digests of the tensors of a small safetensors file, read back with nothing but a JSON parser. */
final class SafetensorsDigests {
    private SafetensorsDigests() {}

    /** {@code digest}, two spaces, name: a line per tensor. */
    static List<String> of(Path file) throws IOException {
        ByteBuffer bytes;
        try (FileChannel channel = FileChannel.open(file)) {
            bytes = ByteBuffer.allocate(Math.toIntExact(channel.size())).order(ByteOrder.LITTLE_ENDIAN);
            while (bytes.hasRemaining() && channel.read(bytes) >= 0) {
                continue;
            }
        }
        bytes.flip();
        int headerBytes = Math.toIntExact(bytes.getLong());
        int data = Long.BYTES + headerBytes;
        List<String> lines = new ArrayList<>();
        for (var entry : ranges(bytes.array(), headerBytes).entrySet()) {
            long[] range = entry.getValue();
            MessageDigest digest = sha256();
            digest.update(bytes.array(), data + (int) range[0], (int) (range[1] - range[0]));
            lines.add(Printable.hex(digest.digest()) + "  " + entry.getKey());
        }
        return lines;
    }

    /** Whether each of {@code lines} is the digest of the master, or else of the module's tensor, in {@code truth}. */
    static boolean agree(List<String> lines, List<String> truth) {
        Map<String, String> weights = new HashMap<>();
        for (String line : truth) {
            String[] fields = line.split("\t", -1);
            if (fields[1].equals("fp32") || fields[1].equals("model")) {
                String name = fields[0].substring(fields[0].indexOf("  ") + 2);
                // Sorted by state: the master comes before the module's tensor.
                weights.putIfAbsent(name, fields[0]);
            }
        }
        return lines.size() == weights.size() && weights.values().containsAll(lines);
    }

    private static Map<String, long[]> ranges(byte[] bytes, int headerBytes) {
        Map<String, long[]> ranges = new HashMap<>();
        String name = null;
        try (JsonParser json =
                new JsonFactory().createParser(ObjectReadContext.empty(), bytes, Long.BYTES, headerBytes)) {
            for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
                int depth = json.streamReadContext().getNestingDepth();
                if (token == JsonToken.PROPERTY_NAME && depth == 1) {
                    name = json.currentName();
                } else if (token == JsonToken.PROPERTY_NAME
                        && json.currentName().equals("data_offsets")) {
                    json.nextToken();
                    json.nextToken();
                    long from = json.getLongValue();
                    json.nextToken();
                    ranges.put(name, new long[] {from, json.getLongValue()});
                }
            }
        }
        return ranges;
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-256", e);
        }
    }
}
