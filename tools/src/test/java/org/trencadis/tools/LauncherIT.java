package org.trencadis.tools;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The launcher as a person starts it: results and nothing else on stdout, silence on stderr, whatever state its start-up
 * cache is in. It runs in a copy of the built clone, in a directory with a space in its name.
 */
class LauncherIT {
    private static final long ZEROS_BYTES = 8L << 30;

    @TempDir
    static Path shared;

    private static Path home;
    private static Path sample;
    private static String expected;

    @TempDir
    Path temp;

    /** What a process did. */
    private record Run(int code, String out, String messages) {}

    @BeforeAll
    static void copyTheClone() throws IOException {
        home = shared.resolve("a clone");
        Path target = Files.createDirectories(home.resolve("tools/target/lib"));
        copy(Path.of("../trencadis"), home.resolve("trencadis"));
        copy(Path.of("target/trencadis.jar"), home.resolve("tools/target/trencadis.jar"));
        try (Stream<Path> jars = Files.list(Path.of("target/lib"))) {
            for (Path jar : jars.toList()) {
                copy(jar, target.resolve(jar.getFileName()));
            }
        }
        sample = Sample.unpack(Files.createDirectories(shared.resolve("my checkpoints")));
        expected = Cli.clean("digest", "--sha256", sample).out();
    }

    private static void copy(Path from, Path to) throws IOException {
        Files.copy(from, to, StandardCopyOption.COPY_ATTRIBUTES);
    }

    /** Every test starts with a good cache. */
    @BeforeEach
    void record() throws Exception {
        Run first = launch(List.of("--version"));
        assertEquals(0, first.code());
        assertTrue(first.out().startsWith("trencadis "), first.out());
    }

    private Run launch(List<String> args) throws Exception {
        return launch(home.resolve("trencadis"), temp, args);
    }

    private static Run launch(Path launcher, Path directory, List<String> args) throws Exception {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(args);
        Path out = Files.createTempFile(directory, "out", null);
        Path messages = Files.createTempFile(directory, "err", null);
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(out.toFile())
                .redirectError(messages.toFile());
        builder.environment().put("JAVA_TOOL_OPTIONS", "-Dsomebody.elses=option");
        int code = builder.start().waitFor();
        Run run = new Run(code, Files.readString(out), Files.readString(messages));
        Files.delete(out);
        Files.delete(messages);
        return run;
    }

    private static List<String> digest() {
        return List.of("digest", "--sha256", sample.toString());
    }

    private Path cache() throws IOException {
        List<String> key = Files.readAllLines(home.resolve(".trencadis-build/key"));
        Path cache = Path.of(key.get(1));
        assertTrue(Files.size(cache) > 1_000_000, "a cache was recorded");
        return cache;
    }

    private void assertDigestsAndSilence() throws Exception {
        Run run = launch(digest());
        assertEquals("", run.messages());
        assertEquals(expected, run.out());
        assertEquals(0, run.code());
    }

    @Test
    void aGoodCacheIsSilent() throws Exception {
        cache();
        assertDigestsAndSilence();
    }

    @Test
    void aTruncatedCacheIsSilent() throws Exception {
        Path cache = cache();
        byte[] whole = Files.readAllBytes(cache);
        for (int bytes : new int[] {1, 4096, whole.length / 2}) {
            Files.write(cache, Arrays.copyOf(whole, bytes));
            assertDigestsAndSilence();
        }
        Files.write(cache, whole);
    }

    @Test
    void aCacheOfRubbishIsSilent() throws Exception {
        Path cache = cache();
        byte[] whole = Files.readAllBytes(cache);
        Files.write(cache, new byte[2_000_000]);
        assertDigestsAndSilence();
        Files.writeString(cache, "x".repeat(2_000_000));
        assertDigestsAndSilence();
        Files.write(cache, whole);
    }

    @Test
    void aStaleCacheIsSilent() throws Exception {
        Path jar = home.resolve("tools/target/trencadis.jar");
        FileTime time = Files.getLastModifiedTime(jar);
        // Older than the key, so the launcher trusts the cache; the JVM sees another jar than it recorded.
        Files.setLastModifiedTime(jar, FileTime.from(time.toInstant().minusSeconds(3600)));
        assertDigestsAndSilence();
        Files.setLastModifiedTime(jar, time);
    }

    @Test
    void aMissingCacheIsRecordedAgain() throws Exception {
        Files.delete(cache());
        Run run = launch(digest());
        assertEquals(expected, run.out());
        assertEquals("trencadis: recording a start-up cache, once ...\n", run.messages());
        cache();
        assertDigestsAndSilence();
        try (Stream<Path> files = Files.list(home.resolve(".trencadis-build"))) {
            assertEquals(
                    1, files.filter(file -> file.toString().endsWith(".aot")).count(), "one cache");
        }
    }

    @Test
    void severalAtOnceRecordOneCache() throws Exception {
        Files.delete(cache());
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            processes.add(
                    new ProcessBuilder(home.resolve("trencadis").toString(), "digest", "--sha256", sample.toString())
                            .redirectOutput(temp.resolve("out" + i).toFile())
                            .redirectError(temp.resolve("err" + i).toFile())
                            .start());
        }
        StringBuilder messages = new StringBuilder();
        for (int i = 0; i < 3; i++) {
            assertEquals(0, processes.get(i).waitFor());
            assertEquals(expected, Files.readString(temp.resolve("out" + i)));
            messages.append(Files.readString(temp.resolve("err" + i)));
        }
        assertEquals("trencadis: recording a start-up cache, once ...\n", messages.toString());
    }

    @Test
    void itWorksThroughALinkAndFromAnyDirectory() throws Exception {
        Path link = Files.createSymbolicLink(temp.resolve("a link"), home.resolve("trencadis"));
        Path relative = Files.createSymbolicLink(temp.resolve("next"), Path.of("a link"));
        for (Path launcher : List.of(link, relative)) {
            Run run = launch(launcher, temp, digest());
            assertEquals("", run.messages());
            assertEquals(expected, run.out());
        }
        Files.createSymbolicLink(temp.resolve("linked checkpoint"), sample);
        Run run = launch(List.of("digest", "--sha256", "linked checkpoint"));
        assertEquals(expected, run.out());
        for (String name : List.of("a link", "next", "linked checkpoint")) {
            Files.delete(temp.resolve(name));
        }
    }

    @Test
    void exitCodesReachTheShell() throws Exception {
        assertEquals(2, launch(List.of("ls", "absent")).code());
        assertEquals(3, launch(List.of("ls")).code());
        Run help = launch(List.of("--help"));
        assertEquals(0, help.code());
        assertEquals("", help.messages());
    }

    @Test
    void aReaderThatGoesAwayIsNoError() throws Exception {
        String command = "'" + home.resolve("trencadis") + "' inspect '" + sample + "' | head -n 1";
        Process shell = new ProcessBuilder("sh", "-c", command).start();
        String out = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String messages = new String(shell.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, shell.waitFor());
        assertEquals(1, out.lines().count());
        assertEquals("", messages);
    }

    /** Zeros that take seconds to hash and next to nothing to store, so that the signal meets an import at work. */
    @Test
    void aSignalEndsItWith130() throws Exception {
        Path weights = temp.resolve("zeros.safetensors");
        byte[] header = ("{\"w\":{\"dtype\":\"U8\",\"shape\":[" + ZEROS_BYTES + "],\"data_offsets\":[0," + ZEROS_BYTES
                        + "]}}")
                .getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
            file.writeLong(Long.reverseBytes(header.length));
            file.write(header);
            file.setLength(Long.BYTES + header.length + ZEROS_BYTES);
        }
        Path store = temp.resolve("zeros.trencadis");
        // A shell lets what it starts in the background ignore this signal, which may be where this test runs.
        Process run = new ProcessBuilder(
                        "env",
                        "--default-signal=INT",
                        home.resolve("trencadis").toString(),
                        "import",
                        weights.toString(),
                        store.toString(),
                        "--codec=lz4")
                .redirectOutput(temp.resolve("out").toFile())
                .redirectError(temp.resolve("err").toFile())
                .start();
        while (leases(store).isEmpty() && run.isAlive()) {
            Thread.onSpinWait();
        }
        assertEquals(
                0,
                new ProcessBuilder("kill", "-INT", String.valueOf(run.pid()))
                        .start()
                        .waitFor());
        assertEquals(130, run.waitFor());
        assertEquals("trencadis: interrupted\n", Files.readString(temp.resolve("err")));
        assertFalse(Files.exists(store), "the container that the import made is still there");
    }

    /** The directories of writers at work. */
    private static List<Path> leases(Path store) throws IOException {
        Path staging = store.resolve("staging");
        if (!Files.exists(staging)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(staging)) {
            return entries.filter(Files::isDirectory).toList();
        }
    }
}
