package org.trencadis.container;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.trencadis.codec.Codec;
import org.trencadis.storage.FileCache;

/** Several writers of one container, in this process and in others. */
class ContentionTest {
    @TempDir
    Path temporary;

    private final FileCache cache = new FileCache();

    @AfterEach
    void closeCache() {
        cache.close();
    }

    private void importInto(Path directory, String source, String name) throws IOException {
        try (Original original = Original.rich(temporary.resolve(source), 1);
                Container container = Container.openOrCreate(directory, cache)) {
            container.importCheckpoint(original.gatherer(), new ImportOptions(name, Codec.RAW, 2), bytes -> {});
            Stored.check(container, name, original.expected);
        }
    }

    @Test
    void aLeaseOfALivingProcessIsLeftAloneAndThatOfADeadOneSwept() throws Exception {
        Path directory = temporary.resolve("c");
        importInto(directory, "source", "a");
        Process child = Child.start("hold", directory);
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(child.getInputStream(), StandardCharsets.UTF_8))) {
            String lease = out.readLine();
            importInto(directory, "source2", "b");
            assertEquals(List.of(lease), Stored.staging(directory));
        } finally {
            child.destroyForcibly().waitFor();
        }
        importInto(directory, "source3", "c");
        assertEquals(List.of(), Stored.staging(directory));
    }

    @Test
    void processesThatCreateOneContainerAtOnceAllSucceed() throws Exception {
        Path directory = temporary.resolve("c");
        List<Process> children = new ArrayList<>();
        for (int child = 0; child < 3; child++) {
            children.add(Child.start("import", directory, temporary.resolve("source" + child), "n" + child));
        }
        for (Process child : children) {
            assertEquals(0, child.waitFor());
        }
        try (Original original = Original.rich(temporary.resolve("source"), 1);
                Container container = Container.open(directory, cache)) {
            assertEquals(List.of("n0", "n1", "n2"), container.names());
            for (String name : container.names()) {
                Stored.check(container, name, original.expected);
            }
            assertEquals(1, container.shardFiles().size());
            assertEquals(List.of(), Stored.staging(directory));
        }
    }

    @Test
    void threadsThatWriteOneContainerAtOnceAllSucceedAndOneOfEachNameWins() throws Exception {
        Path directory = temporary.resolve("c");
        try (ExecutorService pool =
                Executors.newFixedThreadPool(4, Thread.ofPlatform().factory())) {
            List<Future<Boolean>> done = new ArrayList<>();
            for (int writer = 0; writer < 8; writer++) {
                int number = writer;
                done.add(pool.submit(() -> {
                    try {
                        importInto(directory, "source" + number, "n" + number % 4);
                        return true;
                    } catch (IOException e) {
                        assertTrue(e.getMessage().contains("already has a checkpoint"), e.toString());
                        return false;
                    }
                }));
            }
            int won = 0;
            for (Future<Boolean> one : done) {
                won += one.get() ? 1 : 0;
            }
            assertEquals(4, won);
        }
        try (Container container = Container.open(directory, cache)) {
            assertEquals(List.of("n0", "n1", "n2", "n3"), container.names());
            assertEquals(List.of(), Stored.staging(directory));
        }
    }
}
