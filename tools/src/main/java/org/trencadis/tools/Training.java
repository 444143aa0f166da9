package org.trencadis.tools;

import java.io.OutputStream;

/** What is run while the start-up cache is recorded: each command once, so that the classes of all are in it. */
public final class Training {
    private Training() {}

    /** Runs without output; what fails is only missing from the cache. */
    public static void main(String[] args) {
        run("--help");
        run("--version");
        run("no-such-command");
        run("demo");
        run("--json", "demo");
    }

    private static void run(String... args) {
        OutputStream nowhere = OutputStream.nullOutputStream();
        CommandRunner.run(Streams.of(nowhere, nowhere), args);
    }
}
