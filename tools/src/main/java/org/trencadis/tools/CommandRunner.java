package org.trencadis.tools;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import org.trencadis.Checkpoint;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** Runs one command line: parses it, runs the command, and turns whatever happens into an exit code and one message. */
final class CommandRunner {
    static final int CLEAN = 0;
    static final int FINDINGS = 1;
    static final int FAILED = 2;
    static final int USAGE = 3;
    static final int INTERRUPTED = 130;

    private final Trencadis root;
    private final Streams streams;

    private CommandRunner(Streams streams) {
        this.streams = streams;
        this.root = new Trencadis(streams);
    }

    static int run(Streams streams, String... args) {
        if (args.length == 1 && (args[0].equals("--version") || args[0].equals("-V"))) {
            // The usual question of scripts, answered before any parser is loaded.
            return new CommandRunner(streams).finish(() -> {
                streams.line(Version.text());
                return CLEAN;
            });
        }
        return new CommandRunner(streams).execute(args);
    }

    /** Something that ends with an exit code. */
    @FunctionalInterface
    private interface Work {
        int run() throws Exception;
    }

    private int execute(String[] args) {
        if (Trencadis.firstWord(args).equals(ImportCommand.NAME)) {
            // Meanwhile the arguments are parsed and the source is opened.
            Checkpoint.prepareImport();
        }
        CommandLine line = Trencadis.parser(root, args)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionStrategy(this::runParsed)
                .setParameterExceptionHandler((e, all) -> reportUsage(e))
                .setExecutionExceptionHandler((e, command, parsed) -> report(e))
                .setErr(new PrintWriter(streams.messages(), true, StandardCharsets.UTF_8))
                .setOut(new PrintWriter(streams.out(), false, StandardCharsets.UTF_8));
        return finish(() -> {
            int code = line.execute(args);
            line.getOut().flush();
            return code;
        });
    }

    private int runParsed(CommandLine.ParseResult parsed) {
        return new CommandLine.RunLast().execute(parsed);
    }

    /** Runs {@code work} and sees that its results reached the output. */
    private int finish(Work work) {
        try {
            int code = work.run();
            streams.out().flush();
            return code;
        } catch (Exception e) {
            return report(e);
        } catch (OutOfMemoryError | StackOverflowError | InternalError e) {
            return report(e);
        }
    }

    private int reportUsage(ParameterException e) {
        String name = e.getCommandLine().getCommandSpec().qualifiedName();
        String text = e.getMessage().lines().findFirst().orElse("wrong usage");
        print(text + "; see `" + name + " --help`", USAGE);
        return USAGE;
    }

    private int report(Throwable failure) {
        if (Failures.isClosedOutput(failure)) {
            return CLEAN;
        }
        if (Failures.isInterrupt(failure)) {
            print("interrupted", INTERRUPTED);
            return INTERRUPTED;
        }
        int code = failure instanceof UsageException ? USAGE : FAILED;
        print(Failures.message(failure), code);
        if (root.stacktrace || System.getenv("TRENCADIS_STACKTRACE") != null) {
            failure.printStackTrace(streams.messages());
        }
        return code;
    }

    private void print(String message, int code) {
        try {
            if (root.json) {
                Json.document(
                        streams.messages(), json -> json.field("error", message).field("exitCode", code));
            } else {
                streams.messages().println("trencadis: " + message);
            }
        } catch (IOException e) {
            streams.messages().println("trencadis: " + message);
        }
    }
}
