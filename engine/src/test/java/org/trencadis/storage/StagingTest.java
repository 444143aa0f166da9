package org.trencadis.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is half-made stands beside its target while its owner lives, and no longer. */
class StagingTest {
    private static final String DEAD = ".0b8d1a52-7f6e-4a0b-9f3e-1d2c3b4a5968.partial";

    @TempDir
    Path temp;

    @Test
    void whoIsInterruptedOnTheWayLeavesNothing() throws IOException {
        Thread.currentThread().interrupt();
        assertThrows(IOException.class, () -> Staging.beside(temp.resolve("out")));
        assertTrue(Thread.interrupted());
        assertEquals(List.of(), Directories.list(temp));
    }

    /** Another process that makes {@code TARGET} until it is killed. */
    static final class Maker {
        private Maker() {}

        static Process start(Path target) throws IOException {
            String path = String.join(
                    File.pathSeparator,
                    location(Maker.class),
                    location(Staging.class),
                    System.getProperty("jdk.module.path", ""),
                    System.getProperty("java.class.path"));
            return new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "--enable-native-access=ALL-UNNAMED",
                            "-XX:TieredStopAtLevel=1",
                            "-cp",
                            path,
                            Maker.class.getName(),
                            target.toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
        }

        private static String location(Class<?> type) {
            return Path.of(type.getProtectionDomain()
                            .getCodeSource()
                            .getLocation()
                            .getPath())
                    .toString();
        }

        public static void main(String[] arguments) throws IOException {
            try (Staging staging = Staging.beside(Path.of(arguments[0]))) {
                Files.write(staging.path(), new byte[100]);
                System.out.println(staging.path().getParent().getFileName());
                System.out.flush();
                System.in.read();
            }
        }
    }

    private List<String> entries() throws IOException {
        return Directories.list(temp).stream()
                .map(entry -> entry.getFileName().toString())
                .toList();
    }

    private void make(String name) throws IOException {
        try (Staging staging = Staging.beside(temp.resolve(name))) {
            Files.writeString(staging.path(), name);
            staging.publishFile();
        }
    }

    @Test
    void aLivingProcessKeepsItsPlaceAndThatOfAKilledOneIsSwept() throws Exception {
        Process maker = Maker.start(temp.resolve("out"));
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(maker.getInputStream(), StandardCharsets.UTF_8))) {
            String place = out.readLine();
            make("out");
            assertEquals(new TreeSet<>(List.of(place, "out")), new TreeSet<>(entries()));
            Files.delete(temp.resolve("out"));
        } finally {
            maker.destroyForcibly().waitFor();
        }
        assertEquals(1, entries().size());
        make("out");
        assertEquals(List.of("out"), entries());
    }

    @Test
    void aPlaceIsSweptWhetherItWasLockedYetOrNot() throws IOException {
        Files.createDirectory(temp.resolve(".out" + DEAD));
        make("out");
        assertEquals(List.of("out"), entries());
    }

    @Test
    void otherNamesAreLeftAlone() throws IOException {
        List<String> others = List.of(".out", ".out.1.partial", ".out.a" + DEAD, ".outer" + DEAD, "out" + DEAD);
        for (String other : others) {
            Files.createDirectory(temp.resolve(other));
        }
        Files.createFile(temp.resolve(".out" + DEAD));
        make("out");
        assertEquals(others.size() + 2, entries().size());
    }

    @Test
    void whatIsNotPublishedDoesNotStay() throws IOException {
        try (Staging staging = Staging.beside(temp.resolve("out"))) {
            Files.createDirectory(staging.path());
            Files.writeString(staging.path().resolve("file"), "x");
        }
        assertEquals(List.of(), entries());
    }

    @Test
    void aNameThatWasTakenMeanwhileIsNotReplaced() throws IOException {
        try (Staging staging = Staging.beside(temp.resolve("out"))) {
            Files.writeString(staging.path(), "mine");
            Files.writeString(temp.resolve("out"), "other");
            assertThrows(FileAlreadyExistsException.class, staging::publishFile);
        }
        assertEquals("other", Files.readString(temp.resolve("out")));
        assertEquals(List.of("out"), entries());
    }

    @Test
    void threadsThatMakeTheSameDoNotDisturbEachOther() throws Exception {
        try (ExecutorService pool =
                Executors.newFixedThreadPool(4, Thread.ofPlatform().factory())) {
            List<Future<Void>> makers = new ArrayList<>();
            for (int maker = 0; maker < 64; maker++) {
                makers.add(pool.submit(() -> {
                    try (Staging staging = Staging.beside(temp.resolve("out"))) {
                        Files.writeString(staging.path(), "x");
                        assertEquals("x", Files.readString(staging.path()));
                    }
                    return null;
                }));
            }
            for (Future<Void> maker : makers) {
                assertNull(maker.get());
            }
        }
        assertEquals(List.of(), entries());
    }
}
