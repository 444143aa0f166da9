package org.trencadis.tools;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The command {@code trencadis}: its global options, and the streams that all commands share. */
@Command(
        name = "trencadis",
        description = "A universal checkpoint store: any distributed checkpoint as one container.%n",
        addMethodSubcommands = false,
        versionProvider = Version.class,
        usageHelpAutoWidth = true,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "WHAT is a framework's checkpoint (a directory or a file), a container, or one",
            "checkpoint of a container (DIR@NAME).",
            "Exit codes: 0 done and clean, 1 findings or differences, 2 could not run,",
            "3 wrong usage, 130 interrupted."
        })
final class Trencadis implements Runnable {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help message and exit.")
    boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Print version information and exit.")
    boolean version;

    @Option(
            names = "--json",
            scope = ScopeType.INHERIT,
            description = "Print one JSON document instead of text; errors are JSON too.")
    boolean json;

    @Option(names = "--stacktrace", scope = ScopeType.INHERIT, hidden = true)
    boolean stacktrace;

    @Spec
    CommandSpec spec;

    final Streams streams;

    /** The commands in the order of the help, by name. */
    private static final Map<String, Supplier<LeafCommand>> COMMANDS = commands();

    private static Map<String, Supplier<LeafCommand>> commands() {
        Map<String, Supplier<LeafCommand>> commands = new LinkedHashMap<>();
        commands.put("ls", LsCommand::new);
        commands.put("inspect", InspectCommand::new);
        commands.put("stats", StatsCommand::new);
        commands.put("slice", SliceCommand::new);
        commands.put("digest", DigestCommand::new);
        commands.put("diff", DiffCommand::new);
        commands.put("verify", VerifyCommand::new);
        commands.put("link", LinkCommand::new);
        commands.put(ImportCommand.NAME, ImportCommand::new);
        commands.put("export", ExportCommand::new);
        commands.put("rm", RmCommand::new);
        commands.put("demo", DemoCommand::new);
        return commands;
    }

    /**
     * The parser for {@code args}. Reading the annotations of a command takes longer than running a small one, so where the
     * first word names a command, the others stay unknown.
     */
    static CommandLine parser(Trencadis root, String[] args) {
        CommandLine line = new CommandLine(root);
        String first = firstWord(args);
        COMMANDS.forEach((name, command) -> {
            if (name.equals(first) || !COMMANDS.containsKey(first)) {
                line.addSubcommand(name, command.get());
            }
        });
        return line;
    }

    /** The first argument that is no option, or nothing: usually a command. */
    static String firstWord(String[] args) {
        return Arrays.stream(args)
                .filter(word -> !word.startsWith("-"))
                .findFirst()
                .orElse("");
    }

    Trencadis(Streams streams) {
        this.streams = streams;
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: a command is missing");
    }
}
