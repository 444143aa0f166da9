package org.trencadis.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.format.FormatException;
import org.trencadis.storage.FileCache;

final class NodeTest {
    private static final int ENTRIES = 100_000;

    @TempDir
    Path directory;

    private TorchFile open(byte[] pickle, FileCache cache) throws IOException {
        return TorchFile.openPickle(Files.write(directory.resolve("value.pkl"), pickle), cache);
    }

    /** {@code {'a': [{7: 'x'}], 'n': 3}}. */
    private static byte[] nested() {
        return new PickleWriter()
                .op(Opcode.EMPTY_DICT, Opcode.MARK)
                .text("a")
                .op(Opcode.EMPTY_LIST, Opcode.EMPTY_DICT, Opcode.BININT1, 7)
                .text("x")
                .op(Opcode.SETITEM, Opcode.APPEND)
                .text("n")
                .op(Opcode.BININT1, 3, Opcode.SETITEMS)
                .stop();
    }

    @Test
    void pathLeadsFromTheRoot() throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile file = open(nested(), cache)) {
            Node leaf = file.root().get("a").item(0).find(7);
            assertEquals(file.file() + ": a[0][7]", leaf.path());
            assertEquals("x", leaf.asText());
            assertEquals(file.file() + ": root", file.root().path());
        }
    }

    @Test
    void wrongKindNamesFilePathAndKinds() throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile file = open(nested(), cache)) {
            Node leaf = file.root().get("a").item(0).find(7);
            FormatException error = assertThrows(FormatException.Corrupt.class, leaf::asLong);
            assertEquals("INT", error.expected());
            assertEquals("TEXT", error.actual());
            assertEquals("a[0][7]", error.place().section());
            assertEquals(file.file().toString(), error.place().resource());
            error = assertThrows(
                    FormatException.Corrupt.class, () -> file.root().get("missing"));
            assertTrue(error.getMessage().contains("missing"), error.getMessage());
            assertThrows(
                    FormatException.Corrupt.class, () -> file.root().get("a").item(1));
            assertThrows(
                    FormatException.Corrupt.class, () -> file.root().get("n").size());
            assertThrows(
                    FormatException.Corrupt.class, () -> file.root().get("n").get("x"));
        }
    }

    @Test
    void absentIsNull() throws IOException {
        try (FileCache cache = new FileCache();
                TorchFile file = open(nested(), cache)) {
            assertNull(file.root().find("x"));
            assertNull(file.root().find("zzz"));
            assertNull(file.root().find(7));
            assertNull(file.root().find(Long.MIN_VALUE));
            assertNull(file.root().get("n").find("x"));
            assertNull(file.root().globalName());
        }
    }

    @Test
    void largeDictionaryIsSearchedAndWalkedBySeveralThreads() throws Exception {
        PickleWriter pickle = new PickleWriter().op(Opcode.EMPTY_DICT);
        for (int from = 0; from < ENTRIES; from += 1000) {
            pickle.op(Opcode.MARK);
            for (int i = from; i < from + 1000; i++) {
                pickle.text("key." + i).integer(i);
            }
            pickle.op(Opcode.SETITEMS);
        }
        byte[] bytes = pickle.stop();
        try (FileCache cache = new FileCache();
                TorchFile file = open(bytes, cache);
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            assertEquals(ENTRIES, file.root().size());
            List<Callable<Long>> tasks = IntStream.range(0, 4)
                    .<Callable<Long>>mapToObj(part -> () -> sum(file.root(), part))
                    .toList();
            long sum = 0;
            for (Future<Long> part : threads.invokeAll(tasks)) {
                sum += part.get();
            }
            assertEquals((long) ENTRIES * (ENTRIES - 1) / 2, sum);
            assertNull(file.root().find("key." + ENTRIES));
        }
    }

    private static long sum(Node dict, int part) throws IOException {
        long[] sum = {0};
        for (int i = part; i < ENTRIES; i += 4) {
            sum[0] += dict.get("key." + i).asLong();
        }
        int[] at = {0};
        dict.forEachEntry((key, value) -> {
            assertEquals("key." + at[0]++, key.asText());
            assertEquals(at[0] - 1, value.asLong());
        });
        return sum[0];
    }

    @Test
    void nodesOfAClosedFileCannotBeRead() throws IOException {
        try (FileCache cache = new FileCache()) {
            TorchFile file = open(nested(), cache);
            Node root = file.root();
            file.close();
            file.close();
            assertThrows(IllegalStateException.class, () -> root.find("a"));
        }
    }

    @Test
    void partOfAFileIsOpenedByItsRange() throws Exception {
        byte[] whole = Files.readAllBytes(TorchFixturesTest.resource("big_endian/model.pt"));
        byte[] larger = new byte[whole.length + 300];
        System.arraycopy(whole, 0, larger, 100, whole.length);
        Path path = Files.write(directory.resolve("__0_0.distcp"), larger);
        try (FileCache cache = new FileCache();
                TorchFile part = TorchFile.openRange(path, 100, whole.length, cache);
                TorchFile original = TorchFile.open(TorchFixturesTest.resource("big_endian/model.pt"), cache)) {
            assertEquals(original.root().toValue(1000), part.root().toValue(1000));
            Node key = part.root().value(0);
            long expected = original.root().value(0).asTensor().offsetBytes() + 100;
            assertEquals(expected, key.asTensor().offsetBytes());
            assertTrue(part.isBigEndian());
            assertThrows(
                    FormatException.Truncated.class, () -> TorchFile.openRange(path, 200, larger.length - 100, cache));
        }
    }
}
