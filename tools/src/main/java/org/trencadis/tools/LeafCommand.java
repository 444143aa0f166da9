package org.trencadis.tools;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.trencadis.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

/** What every command has: the streams, {@code --json}, help, progress. */
@Command(addMethodSubcommands = false)
abstract class LeafCommand implements Callable<Integer> {
    @ParentCommand
    Trencadis root;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    boolean help;

    /** Work whose progress is shown. */
    @FunctionalInterface
    interface Work<T> {
        T run(Progress progress) throws IOException;
    }

    Streams out() {
        return root.streams;
    }

    boolean isJson() {
        return root.json;
    }

    void json(Json.Document document) throws IOException {
        Json.document(root.streams.out(), document);
    }

    /** Runs {@code work} with a line of progress where a person watches. */
    <T> T withProgress(Work<T> work) throws IOException {
        if (!root.streams.areMessagesOnTerminal()) {
            return work.run(Progress.NONE);
        }
        TerminalProgress progress = new TerminalProgress(root.streams.messages());
        try {
            return work.run(progress);
        } finally {
            progress.clear();
        }
    }

    @Override
    public abstract Integer call() throws IOException;
}
