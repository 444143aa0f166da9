package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.codec.Codec;
import org.trencadis.storage.FileCache;

/** Another process that works on a container, for tests of kills and of contention. */
final class Child {
    private Child() {}

    /** Starts a process that runs {@link #main} with these arguments. */
    static Process start(Object... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp"));
        String modules = System.getProperty("jdk.module.path", "");
        command.add(String.join(
                java.io.File.pathSeparator,
                "target/test-classes",
                "target/classes",
                modules,
                System.getProperty("java.class.path")));
        command.add(Child.class.getName());
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** {@code import CONTAINER SOURCE NAME STEP}: imports, and ends without a word before a step that starts so. {@code hold CONTAINER}: holds a lease until killed. */
    public static void main(String[] arguments) throws IOException {
        Path container = Path.of(arguments[1]);
        try (FileCache cache = new FileCache()) {
            if (arguments[0].equals("hold")) {
                hold(container, cache);
            } else {
                String fatal = arguments.length > 4 ? arguments[4] : "none";
                Steps steps = step -> {
                    if (step.startsWith(fatal)) {
                        Runtime.getRuntime().halt(137);
                    }
                };
                try (Original original = Original.rich(Path.of(arguments[2]), 1);
                        Container open = Container.openOrCreate(container, cache, steps)) {
                    open.importCheckpoint(
                            original.gatherer(), new ImportOptions(arguments[3], Codec.RAW, 2), bytes -> {});
                }
            }
        }
    }

    private static void hold(Path container, FileCache cache) throws IOException {
        try (Container open = Container.open(container, cache);
                WriterLease lease = WriterLease.begin(open.files())) {
            System.out.println(lease.directory().getFileName());
            System.out.flush();
            System.in.read();
        }
    }
}
