package org.trencadis.source.distcp;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import org.trencadis.Progress;
import org.trencadis.TensorDigest;
import org.trencadis.TensorFilter;
import org.trencadis.tensor.Shapes;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** A real checkpoint and what the training processes' memory held when it was saved. */
public record ExpectedTensors(Path folder, JsonNode root) {
    /** The case in {@code folder}, which is below the test resources. */
    public static ExpectedTensors of(String folder) throws IOException {
        Path path = Path.of("src/test/resources/fixtures").resolve(folder);
        return new ExpectedTensors(path, new ObjectMapper().readTree(Files.readString(path.resolve("expected.json"))));
    }

    /** The directory that the framework wrote. */
    public Path checkpoint() {
        return folder.resolve("checkpoint");
    }

    /**
     * Compares digests, types and shapes of every tensor.
     *
     * @param keys what a saved name is in the catalog; null for what is no tensor there
     */
    public void check(Checkpoint checkpoint, Function<String, TensorKey> keys) throws IOException {
        Map<String, String> expected = new TreeMap<>();
        for (Map.Entry<String, JsonNode> entry : root.get("tensors").properties()) {
            TensorKey key = keys.apply(entry.getKey());
            if (key != null) {
                JsonNode tensor = entry.getValue();
                long[] shape = new long[tensor.get("shape").size()];
                for (int axis = 0; axis < shape.length; axis++) {
                    shape[axis] = tensor.get("shape").get(axis).asLong();
                }
                expected.put(
                        key.name() + ':' + key.state(),
                        tensor.get("sha256").asString()
                                + ' '
                                + tensor.get("dtype").asString()
                                + ' '
                                + Shapes.print(shape));
            }
        }
        Map<String, String> actual = new TreeMap<>();
        for (TensorDigest digest : checkpoint.flatDigests(TensorFilter.ALL, Progress.NONE)) {
            actual.put(
                    digest.tensor().key(),
                    HexFormat.of().formatHex(digest.flat())
                            + ' '
                            + digest.tensor().dtype().torchName()
                            + ' '
                            + Shapes.print(digest.tensor().shape()));
        }
        assertEquals(print(expected), print(actual));
    }

    private static String print(Map<String, String> lines) {
        StringBuilder text = new StringBuilder();
        lines.forEach(
                (key, value) -> text.append(key).append(" = ").append(value).append('\n'));
        return text.toString();
    }

    /** Opens the checkpoint as whatever it is recognised as. */
    public Checkpoint open() throws IOException {
        return Checkpoint.open(checkpoint(), OpenOptions.NONE);
    }
}
