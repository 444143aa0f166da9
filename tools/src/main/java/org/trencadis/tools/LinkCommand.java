package org.trencadis.tools;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.Checkpoint;
import org.trencadis.LinkReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes an index that points into the original files. */
@Command(
        name = "link",
        header = "Show a framework's directory as a universal checkpoint; copies nothing.",
        description = {"OUT becomes a container whose index points into the original files, which must stay."})
final class LinkCommand extends ReadingCommand {
    @Parameters(index = "0", paramLabel = "DIR", description = "The framework's checkpoint directory.")
    String what;

    @Parameters(index = "1", paramLabel = "OUT", description = "The container, made where it is missing.")
    Path out;

    @Option(names = "--as", paramLabel = "NAME", description = "Name of the checkpoint; default: its tag.")
    String as;

    @Override
    public Integer call() throws IOException {
        long start = System.nanoTime();
        LinkReport report;
        try (Checkpoint checkpoint = source.open(what)) {
            printLosses(checkpoint);
            report = checkpoint.link(out, as);
        }
        long nanos = System.nanoTime() - start;
        if (isJson()) {
            json(json -> json.field("checkpoint", report.name())
                    .field("container", out.toString())
                    .field("tensors", report.tensors())
                    .field("fragments", report.fragments())
                    .field("files", report.files())
                    .field("bytes", report.logicalBytes())
                    .field("seconds", nanos / 1e9));
        } else {
            out().fields("checkpoint", report.name());
            out().fields("tensors", report.tensors());
            out().fields("fragments", report.fragments());
            out().fields("files", report.files());
            out().fields("bytes", report.logicalBytes());
            out().fields("seconds", Printable.seconds(nanos));
        }
        return CommandRunner.CLEAN;
    }
}
