package org.trencadis.tools;

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
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        usageHelpAutoWidth = true,
        synopsisSubcommandLabel = "COMMAND",
        footer = {
            "",
            "WHAT is a framework's checkpoint directory, a container, or one checkpoint of a",
            "container (DIR@NAME).",
            "Exit codes: 0 done and clean, 1 findings or differences, 2 could not run,",
            "3 wrong usage, 130 interrupted."
        },
        subcommands = {
            LsCommand.class,
            InspectCommand.class,
            StatsCommand.class,
            SliceCommand.class,
            DigestCommand.class,
            DiffCommand.class,
            VerifyCommand.class,
            LinkCommand.class,
            ImportCommand.class,
            ExportCommand.class,
            RmCommand.class,
            DemoCommand.class
        })
final class Trencadis implements Runnable {
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

    Trencadis(Streams streams) {
        this.streams = streams;
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "say what to do: a command is missing");
    }
}
