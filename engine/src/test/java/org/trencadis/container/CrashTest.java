package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.trencadis.codec.Codec;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Dtype;

/** Whatever step a writer is stopped at, the container holds the old state or the new one, and the next writer works. */
class CrashTest {
    @TempDir
    Path temporary;

    private final FileCache cache = new FileCache();

    @AfterEach
    void closeCache() {
        cache.close();
    }

    /** The end of a process, as far as it can be had inside one: nothing that changes files is done after it. */
    private static final class Kill extends Error {
        private static final long serialVersionUID = 1L;
    }

    private static final class Stopper implements Steps {
        private final int fatal;
        private final boolean kills;
        private final List<String> reached = new ArrayList<>();

        Stopper(int fatal, boolean kills) {
            this.fatal = fatal;
            this.kills = kills;
        }

        @Override
        public void reach(String step) throws IOException {
            reached.add(step);
            if (kills && reached.size() > fatal) {
                throw new Kill();
            }
            if (reached.size() == fatal + 1) {
                throw new IOException("no space left, at " + step);
            }
        }
    }

    private Original small(String name, long seed) throws IOException {
        return new Original(temporary.resolve(name), seed)
                .tensor("a", "fp32", Dtype.FLOAT32, new long[] {50}, new byte[200])
                .tensor("b", "fp32", Dtype.UINT8, new long[] {3}, new byte[] {1, 2, (byte) seed});
    }

    private static void importInto(Container container, Original original, String name) throws IOException {
        container.importCheckpoint(original.gatherer(), new ImportOptions(name, Codec.RAW, 1), bytes -> {});
    }

    /** The steps of one whole life: creation, an import, a second import that reuses a part, a removal. */
    private void live(Path directory, Steps steps, Original first, Original second) throws IOException {
        try (Container container = Container.openOrCreate(directory, cache, steps)) {
            importInto(container, first, "first");
            importInto(container, second, "second");
            container.remove("first");
        }
    }

    private List<String> steps(Original first, Original second) throws IOException {
        Stopper counter = new Stopper(Integer.MAX_VALUE - 1, true);
        live(temporary.resolve("whole"), counter, first, second);
        return counter.reached;
    }

    @Test
    void aKillAtAnyStepLeavesTheOldStateOrTheNewOne() throws IOException {
        try (Original first = small("source1", 1);
                Original second = small("source2", 2)) {
            List<String> steps = steps(first, second);
            assertTrue(steps.size() > 30, steps.toString());
            for (int step = 0; step < steps.size(); step++) {
                Path directory = temporary.resolve("killed" + step);
                Stopper killer = new Stopper(step, true);
                assertThrows(Kill.class, () -> live(directory, killer, first, second), steps.get(step));
                checkAndGoOn(directory, Map.of("first", first, "second", second), steps.get(step));
            }
        }
    }

    /** Every checkpoint that is listed is whole, and a new writer succeeds and leaves nothing behind in staging. */
    private void checkAndGoOn(Path directory, Map<String, Original> originals, String step) throws IOException {
        try (Container container = Container.openOrCreate(directory, cache)) {
            for (String name : container.names()) {
                Stored.check(container, name, originals.get(name).expected);
            }
            for (StoredName entry : container.entries()) {
                assertTrue(entry.hasIndex(), step);
            }
            for (Map.Entry<String, Original> original : originals.entrySet()) {
                if (!container.names().contains(original.getKey())) {
                    importInto(container, original.getValue(), original.getKey());
                }
                Stored.check(container, original.getKey(), original.getValue().expected);
            }
            WriterLease.begin(container.files()).close();
            assertEquals(List.of(), Stored.staging(directory), step);
        }
    }

    @Test
    void aFailureAtAnyStepIsTakenBack() throws IOException {
        try (Original first = small("source1", 1);
                Original second = small("source2", 2)) {
            Path whole = temporary.resolve("only-first");
            try (Container container = Container.openOrCreate(whole, cache)) {
                importInto(container, first, "first");
            }
            int failures = 0;
            for (int step = 0; ; step++) {
                Path directory = temporary.resolve("failed" + step);
                try (Container container = Container.openOrCreate(directory, cache)) {
                    importInto(container, first, "first");
                }
                Map<String, String> before = Stored.files(directory);
                Stopper stopper = new Stopper(step, false);
                try (Container container = Container.openOrCreate(directory, cache, stopper)) {
                    importInto(container, second, "second");
                    Stored.check(container, "second", second.expected);
                } catch (IOException e) {
                    String at = stopper.reached.get(step);
                    boolean atCleanup = at.equals("delete lease directory") || isLastLock(stopper, step);
                    assertTrue(e.getMessage().contains("no space left"), at);
                    assertEquals(atCleanup, Stored.files(directory).size() > before.size(), at);
                    assertTrue(atCleanup || Stored.staging(directory).isEmpty(), at);
                    failures++;
                    continue;
                }
                assertTrue(stopper.reached.size() <= step, "the last round is without a failure");
                break;
            }
            assertTrue(failures > 8, failures + " failures");
        }
    }

    /** Whether the step is the lock that is taken to end a lease, after the commit. */
    private static boolean isLastLock(Stopper stopper, int step) {
        return stopper.reached.get(step).equals("lock")
                && stopper.reached.subList(0, step).stream().anyMatch(reached -> reached.endsWith(".twin"));
    }

    @Test
    void aFailedFirstImportLeavesNoContainer() throws IOException {
        try (Original first = small("source1", 1)) {
            Stopper counter = new Stopper(Integer.MAX_VALUE - 1, false);
            try (Container container = Container.openOrCreate(temporary.resolve("whole"), cache, counter)) {
                importInto(container, first, "first");
            }
            int committed = counter.reached.indexOf("publish first.1.twin");
            for (int step = 0; step <= committed; step++) {
                Path top = temporary.resolve("top" + step);
                Stopper full = new Stopper(step, false);
                assertThrows(IOException.class, () -> {
                    try (Container container = Container.openOrCreate(top.resolve("below/c"), cache, full)) {
                        importInto(container, first, "first");
                    }
                });
                assertFalse(Files.exists(top), counter.reached.get(step));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"publish FORMAT", "finish shard", "publish", "stage twin", "delete lease directory"})
    void aProcessThatIsKilledLeavesWhatTheNextOneSweeps(String step) throws Exception {
        Path directory = temporary.resolve("c");
        Process child = Child.start("import", directory, temporary.resolve("source"), "x", step);
        assertEquals(137, child.waitFor());
        boolean isCommitted = step.equals("delete lease directory");
        try (Original original = Original.rich(temporary.resolve("source"), 1);
                Container container = Container.openOrCreate(directory, cache)) {
            assertEquals(isCommitted ? List.of("x") : List.of(), container.names());
            importInto(container, original, "y");
            Stored.check(container, "y", original.expected);
            assertEquals(List.of(), Stored.staging(directory));
        }
    }
}
