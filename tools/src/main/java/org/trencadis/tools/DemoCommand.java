package org.trencadis.tools;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Shows the commands at work on a real checkpoint: the same state as raw files, link, container and export. */
@Command(
        name = "demo",
        header = "Show the commands at work on a real ZeRO checkpoint that comes along.",
        description = "Runs in a temporary directory and leaves nothing behind, unless --keep says where to stay.")
final class DemoCommand extends LeafCommand {
    private static final int SHOWN_LINES = 6;

    @Option(
            names = "--keep",
            paramLabel = "DIR",
            description = "Work in this new directory and leave everything there.")
    Path keep;

    /** A command line that was run. */
    private record Step(String command, int exitCode, List<String> output) {}

    private Path place;
    private final List<Step> steps = new ArrayList<>();
    private final Map<String, List<String>> digests = new LinkedHashMap<>();

    @Override
    public Integer call() throws IOException {
        if (keep != null && Files.exists(keep)) {
            throw new FileAlreadyExistsException(keep.toString());
        }
        place = keep != null ? Files.createDirectory(keep) : Files.createTempDirectory("trencadis-demo");
        say("Working in " + place + ".");
        try {
            boolean equal = show();
            if (isJson()) {
                json(json -> write(json, equal));
            }
            return equal ? CommandRunner.CLEAN : CommandRunner.FINDINGS;
        } finally {
            if (keep == null) {
                delete(place);
            }
        }
    }

    private boolean show() throws IOException {
        Path raw = Sample.unpack(place);
        Path link = place.resolve("link.trencadis");
        Path store = place.resolve("store.trencadis");
        Path export = place.resolve("export");
        digests.put("training", Sample.digestsFromTraining());
        say("A checkpoint as DeepSpeed left it: ZeRO stage 1, three ranks. What is in it?");
        run("ls", raw);
        digests.put("raw", runQuietly("digest", "--sha256", raw));
        say("A link shows it as one universal checkpoint and copies nothing.");
        run("link", raw, link);
        digests.put("link", runQuietly("digest", "--sha256", link));
        say("An import stores each tensor whole, checked, once.");
        run("import", raw, store);
        digests.put("container", runQuietly("digest", "--sha256", store));
        say("The universal digest names the state of training, whatever layout wrote it.");
        run("digest", store);
        say("Any slice is read without the rest: rows 0 to 2, columns 5 to 7 of a projection, for numpy.");
        run("slice", store, "layers.0.attn.qkv.weight", "--box", "0:2,5:7", "--npy", "-o", place.resolve("slice.npy"));
        say("The weights as safetensors, for any library that loads them.");
        run("export", store, export, "--format", "safetensors");
        digests.put("export", SafetensorsDigests.of(export.resolve("model.safetensors")));
        say("Nothing differs between the raw files and the container, and nothing is damaged.");
        run("diff", raw, store);
        run("verify", store);
        return report();
    }

    /** Compares all digests with those of the training processes. */
    private boolean report() throws IOException {
        List<String> truth = digests.get("training");
        boolean equal = steps.stream().allMatch(step -> step.exitCode == CommandRunner.CLEAN);
        for (var entry : digests.entrySet()) {
            boolean same = entry.getKey().equals("export")
                    ? !entry.getValue().isEmpty() && SafetensorsDigests.agree(entry.getValue(), truth)
                    : entry.getValue().equals(truth);
            equal &= same;
            say(String.format(
                    Locale.ROOT,
                    "%-9s  %d tensors  %s",
                    entry.getKey(),
                    entry.getValue().size(),
                    same ? "digests equal those taken in the training processes" : "DIGESTS DIFFER"));
        }
        return equal;
    }

    private void say(String text) throws IOException {
        if (!isJson()) {
            out().line(text);
        }
    }

    /** Runs a command in this process and shows the command line and the start of what it prints. */
    private void run(Object... args) throws IOException {
        List<String> output = runQuietly(args);
        if (isJson()) {
            return;
        }
        out().line("  $ " + steps.getLast().command);
        for (String line : output.subList(0, Math.min(SHOWN_LINES, output.size()))) {
            out().line("    " + line);
        }
        if (output.size() > SHOWN_LINES) {
            out().line("    … " + (output.size() - SHOWN_LINES) + " more lines");
        }
    }

    private List<String> runQuietly(Object... args) throws IOException {
        String[] words = Stream.of(args).map(String::valueOf).toArray(String[]::new);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream messages = new ByteArrayOutputStream();
        int code = CommandRunner.run(Streams.of(out, messages), words);
        List<String> output = out.toString(StandardCharsets.UTF_8).lines().toList();
        steps.add(new Step(
                "trencadis " + String.join(" ", Stream.of(args).map(this::shown).toList()), code, output));
        if (Thread.currentThread().isInterrupted() || code == CommandRunner.INTERRUPTED) {
            throw new InterruptedIOException("interrupted");
        }
        if (code != CommandRunner.CLEAN) {
            throw new IOException("the demo stopped at `" + steps.getLast().command + "`: exit code " + code + ", "
                    + messages.toString(StandardCharsets.UTF_8).strip());
        }
        return output;
    }

    /** Paths as they are seen from the working directory. */
    private String shown(Object word) {
        return word instanceof Path path && path.startsWith(place)
                ? place.relativize(path).toString()
                : word.toString();
    }

    private void write(Json json, boolean equal) throws IOException {
        json.field("equal", equal).array("steps", () -> {
            for (Step step : steps) {
                json.item(() -> json.field("command", step.command)
                        .field("exitCode", step.exitCode)
                        .field("lines", step.output.size()));
            }
        });
    }

    static void delete(Path root) throws IOException {
        try (Stream<Path> paths = Files.walk(root)) {
            for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
