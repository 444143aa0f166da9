package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.trencadis.format.FormatException;
import org.trencadis.storage.FileCache;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Files made to run code, to exhaust memory or to read beyond their bytes: refused in one message, or inert. */
final class HostileFilesTest {
    /** Of those that may be read or refused, the ones whose tensor, of two zeros, must be readable here. */
    private static final Set<String> READABLE = Set.of("build_unknown_class.pt", "crc_wrong.pt", "cycle_in_dict.pt");

    static List<String> files() throws Exception {
        List<String> files = new ArrayList<>();
        manifest().properties().forEach(entry -> files.add(entry.getKey()));
        return files;
    }

    private static JsonNode manifest() throws Exception {
        return new ObjectMapper()
                .readTree(TorchFixturesTest.resource("hostile/manifest.json").toFile());
    }

    @ParameterizedTest
    @MethodSource("files")
    void hostileFileIsRefusedOrInert(String name) throws Exception {
        Path file = TorchFixturesTest.resource("hostile/" + name);
        String must = manifest().get(name).get("must").asString();
        boolean mustRefuse = must.equals("refuse") || must.startsWith("refuse;") || must.startsWith("refuse (");
        if (mustRefuse) {
            FormatException refusal = assertThrows(FormatException.class, () -> readAll(file));
            assertEquals(file.toString(), refusal.place().resource());
        } else if (READABLE.contains(name)) {
            assertArrayEquals(new byte[8], tensorBytes(file));
        } else {
            readOrRefuse(file);
        }
    }

    private static byte[] tensorBytes(Path file) throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.open(file, cache)) {
            Node tensor = torch.root().get("w");
            return TensorBytes.rowMajor(tensor.asTensor(), tensor);
        }
    }

    private static void readOrRefuse(Path file) throws IOException {
        try {
            readAll(file);
        } catch (FormatException refused) {
            assertTrue(refused.getMessage().contains(file.toString()), refused.getMessage());
        }
    }

    /** Reads everything that can be read. */
    private static void readAll(Path file) throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile torch = file.toString().endsWith(".pkl")
                        ? TorchFile.openPickle(file, cache)
                        : TorchFile.open(file, cache)) {
            torch.root().toValue(1 << 20);
        }
    }

    @TempDir
    Path directory;

    private Path write(byte[] pickle) throws IOException {
        return Files.write(directory.resolve("flood.pkl"), pickle);
    }

    private static byte[] repeat(int count, int... opcodes) {
        byte[] bytes = new byte[count * opcodes.length];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) opcodes[i % opcodes.length];
        }
        return bytes;
    }

    @Test
    void deepListsAreBuiltWithoutRecursionAndRefusedAsAValue() throws IOException {
        byte[] pickle = new PickleWriter()
                .raw(repeat(100_000, Opcode.EMPTY_LIST))
                .raw(repeat(99_999, Opcode.APPEND))
                .stop();
        Path file = write(pickle);
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.openPickle(file, cache)) {
            Node node = torch.root();
            int depth = 1;
            while (node.size() > 0) {
                node = node.item(0);
                depth++;
            }
            assertEquals(100_000, depth);
            assertTrue(node.path().length() < 1000);
            assertThrows(FormatException.Unsupported.class, () -> torch.root().toValue(0));
        }
    }

    @Test
    void deepTuplesAndCallsAreRefusedAsAValue() throws IOException {
        byte[] tuples = new PickleWriter()
                .op(Opcode.EMPTY_TUPLE)
                .raw(repeat(100_000, Opcode.TUPLE1))
                .stop();
        assertThrows(FormatException.Unsupported.class, () -> readAll(write(tuples)));
        PickleWriter calls = new PickleWriter().global("a", "b").op(Opcode.BINPUT, 0, Opcode.NONE);
        for (int i = 0; i < 20_000; i++) {
            calls.op(Opcode.TUPLE1, Opcode.BINPUT, 1, Opcode.POP, Opcode.BINGET, 0, Opcode.BINGET, 1, Opcode.REDUCE);
        }
        byte[] pickle = calls.op(Opcode.BINPUT, 2).stop();
        FormatException refusal = assertThrows(FormatException.class, () -> readAll(write(pickle)));
        assertTrue(refusal.getMessage().contains("STOP"), refusal.getMessage());
    }

    @Test
    void stackThatIsNotEmptyAtTheEndIsRefused() throws IOException {
        byte[] pickle = new PickleWriter()
                .op(Opcode.NONE)
                .raw(repeat(150_000, Opcode.DUP))
                .stop();
        assertThrows(FormatException.Corrupt.class, () -> readAll(write(pickle)));
    }

    @Test
    void deepStackIsRefused() throws IOException {
        byte[] pickle = repeat((1 << 22) + 1, Opcode.NONE);
        assertThrows(FormatException.Unsupported.class, () -> readAll(write(pickle)));
    }

    @Test
    void marksWithoutEndAreRefused() throws IOException {
        byte[] pickle = repeat(150_000, Opcode.MARK);
        assertThrows(FormatException.Unsupported.class, () -> readAll(write(pickle)));
    }

    @Test
    void longNumbersAreRefusedUnread() throws IOException {
        byte[] decimal =
                new PickleWriter().line(Opcode.LONG, "9".repeat(100_000)).stop();
        assertThrows(FormatException.Corrupt.class, () -> readAll(write(decimal)));
        byte[] binary = new PickleWriter()
                .number(Opcode.LONG4, 5000, 4)
                .raw(new byte[5000])
                .stop();
        assertThrows(FormatException.Unsupported.class, () -> readAll(write(binary)));
    }

    @Test
    void memoryOfValuesIsInProportionToThePickle() throws IOException {
        // A list of 40,000 items is copied by each call of two bytes.
        PickleWriter pickle = new PickleWriter().global("builtins", "list").op(Opcode.BINPUT, 0, Opcode.POP);
        pickle.op(Opcode.MARK).raw(repeat(40_000, Opcode.NONE)).op(Opcode.TUPLE, Opcode.TUPLE1, Opcode.BINPUT, 1);
        for (int i = 0; i < 20_000; i++) {
            pickle.op(Opcode.BINGET, 0, Opcode.BINGET, 1, Opcode.REDUCE, Opcode.POP);
        }
        byte[] bytes = pickle.stop();
        FormatException refusal = assertThrows(FormatException.Unsupported.class, () -> readAll(write(bytes)));
        assertTrue(refusal.rule().contains("proportion"), refusal.getMessage());
    }

    @Test
    void truncatedFileOfAnyLengthIsRefused() throws Exception {
        for (String name : List.of("containers", "legacy_shared_storages", "protocol4")) {
            byte[] whole = Files.readAllBytes(TorchFixturesTest.resource(name + "/model.pt"));
            for (int length = 0; length < whole.length; length += 61) {
                Path file = write(Arrays.copyOf(whole, length));
                assertThrows(FormatException.class, () -> readFile(file), name + " of " + length);
            }
        }
    }

    @Test
    void damagedFileIsReadOrRefusedButNothingElse() throws Exception {
        SplittableRandom random = new SplittableRandom(7);
        for (String name : List.of("containers", "protocol5_containers", "legacy_shared_storages", "dtypes")) {
            byte[] whole = Files.readAllBytes(TorchFixturesTest.resource(name + "/model.pt"));
            for (int round = 0; round < 250; round++) {
                byte[] damaged = whole.clone();
                for (int i = random.nextInt(1, 4); i > 0; i--) {
                    damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
                }
                Path file = write(damaged);
                try {
                    readFile(file);
                } catch (FormatException refused) {
                    assertTrue(refused.getMessage().contains("offset="), refused.getMessage());
                }
            }
        }
    }

    private static void readFile(Path file) throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile torch = TorchFile.open(file, cache)) {
            torch.root().toValue(1 << 20);
        }
    }
}
