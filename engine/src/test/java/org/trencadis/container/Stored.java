package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/** What tests look at in a container directory. */
final class Stored {
    private Stored() {}

    /** Compares every copy and margin of a checkpoint with its known bytes. */
    static void check(Container container, String name, Map<String, byte[]> expected) throws IOException {
        try (StoredCheckpoint stored = container.open(name)) {
            Gatherer gatherer = new Gatherer(stored.catalog(), stored.files());
            TreeMap<String, byte[]> actual = new TreeMap<>();
            for (int ordinal = 0; ordinal < stored.catalog().tensorCount(); ordinal++) {
                Tensor tensor = stored.catalog().tensor(ordinal);
                for (int copy = 0; copy < tensor.copyCount() + tensor.marginCount(); copy++) {
                    actual.put(tensor.key() + "/" + copy, bytes(gatherer, tensor, copy));
                }
            }
            assertEquals(expected.keySet(), actual.keySet());
            expected.forEach((key, bytes) -> assertArrayEquals(bytes, actual.get(key), key));
        }
    }

    private static byte[] bytes(Gatherer gatherer, Tensor tensor, int copy) throws IOException {
        Region region = gatherer.copyRegion(tensor, copy);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment target = arena.allocate(Math.max(1, tensor.dtype().bytes(region.count())));
            gatherer.gatherCopy(tensor, copy, region, target);
            return target.asSlice(0, tensor.dtype().bytes(region.count())).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** Path relative to the directory, and content, of every file of shards and checkpoints. */
    static Map<String, String> files(Path directory) throws IOException {
        Map<String, String> files = new TreeMap<>();
        try (Stream<Path> walk = Files.walk(directory)) {
            for (Path file : walk.filter(Files::isRegularFile).toList()) {
                String name = directory.relativize(file).toString();
                if (!name.equals("FORMAT") && !name.startsWith("staging")) {
                    files.put(name, java.util.HexFormat.of().formatHex(digest(file)));
                }
            }
        }
        return files;
    }

    private static byte[] digest(Path file) throws IOException {
        return org.trencadis.format.Digests.sha256().digest(Files.readAllBytes(file));
    }

    /** What stands in staging, but for the lock. */
    static java.util.List<String> staging(Path directory) throws IOException {
        try (Stream<Path> list = Files.list(directory.resolve("staging"))) {
            return list.map(path -> path.getFileName().toString())
                    .filter(name -> !name.equals("LOCK"))
                    .sorted()
                    .toList();
        }
    }
}
