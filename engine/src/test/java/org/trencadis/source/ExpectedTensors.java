package org.trencadis.source;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.Progress;
import org.trencadis.TensorDigest;
import org.trencadis.TensorFilter;
import org.trencadis.tensor.Shapes;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** What a checkpoint holds, and what the process that wrote it had in memory, in the same lines. */
public final class ExpectedTensors {
    private ExpectedTensors() {}

    /** The parsed {@code expected.json} of a fixture. */
    public static JsonNode read(Path file) throws IOException {
        return new ObjectMapper().readTree(Files.readString(file));
    }

    /** {@code name} → dtype, shape and digest, of everything in state {@code model}. */
    public static Map<String, String> ofCheckpoint(Path what) throws IOException {
        Map<String, String> lines = new TreeMap<>();
        try (Checkpoint checkpoint = Checkpoint.open(what, OpenOptions.NONE)) {
            for (TensorDigest digest : checkpoint.flatDigests(TensorFilter.ALL, Progress.NONE)) {
                String name = digest.tensor().state().equals("model")
                        ? digest.tensor().name()
                        : digest.tensor().key();
                lines.put(
                        name,
                        line(
                                digest.tensor().dtype().torchName(),
                                Shapes.print(digest.tensor().shape()),
                                HexFormat.of().formatHex(digest.flat())));
            }
        }
        return lines;
    }

    /** The same of {@code expected.json}. */
    public static Map<String, String> ofMemory(JsonNode expected) {
        Map<String, String> lines = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : expected.get("tensors").properties()) {
            JsonNode tensor = entry.getValue();
            lines.put(
                    entry.getKey(),
                    line(
                            tensor.get("dtype").asString(),
                            shape(tensor.get("shape")),
                            tensor.get("sha256").asString()));
        }
        return lines;
    }

    /** A shape of {@code expected.json} as {@link Shapes#print} writes it. */
    public static String shape(JsonNode shape) {
        long[] extents = new long[shape.size()];
        for (int axis = 0; axis < extents.length; axis++) {
            extents[axis] = shape.get(axis).asLong();
        }
        return Shapes.print(extents);
    }

    /** One line: what must be equal of a tensor. */
    public static String line(String dtype, String shape, String sha256) {
        return dtype + " " + shape + " " + sha256;
    }
}
