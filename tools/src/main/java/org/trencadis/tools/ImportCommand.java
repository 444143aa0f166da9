package org.trencadis.tools;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.Checkpoint;
import org.trencadis.ImportReport;
import org.trencadis.ImportSettings;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Copies a checkpoint into a container. */
@Command(
        name = ImportCommand.NAME,
        header = "Copy a checkpoint into a container.",
        description = {"Each tensor is stored whole, checked, and once, however many checkpoints hold it."})
final class ImportCommand extends ReadingCommand {
    static final String NAME = "import";

    @Parameters(
            index = "0",
            paramLabel = "WHAT",
            description = "Checkpoint directory or file, or a checkpoint of a container.")
    String what;

    @Parameters(index = "1", paramLabel = "CONTAINER", description = "The container, made where it is missing.")
    Path container;

    @Option(names = "--as", paramLabel = "NAME", description = "Name of the checkpoint; default: its tag.")
    String as;

    @Option(
            names = "--codec",
            paramLabel = "CODEC",
            defaultValue = "raw",
            description = "How chunks are stored: ${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    ImportSettings.Compression codec;

    @Option(names = "--threads", paramLabel = "N", description = "Workers; default: one per processor.")
    Integer threads;

    @Option(
            names = "--copies",
            paramLabel = "WHICH",
            description = "Where copies that must be equal are not: take first, average, or copy number N."
                    + " Default: refuse, naming them.")
    String copies;

    @Override
    public Integer call() throws IOException {
        if (copies != null && !copies.matches("first|average|[0-9]{1,9}")) {
            throw new UsageException("--copies takes first, average or a number, not " + copies);
        }
        long start = System.nanoTime();
        ImportSettings settings = new ImportSettings(as, codec, Threads.check(threads), copies);
        ImportReport report;
        try (Checkpoint checkpoint = source.open(what)) {
            printLosses(checkpoint);
            report = withProgress(progress -> checkpoint.importInto(container, settings, progress));
        }
        long nanos = System.nanoTime() - start;
        report.findings().forEach(this::print);
        if (isJson()) {
            json(json -> json.field("checkpoint", report.name())
                    .field("container", container.toString())
                    .field("tensors", report.tensors())
                    .field("bytes", report.logicalBytes())
                    .field("writtenBytes", report.writtenBytes())
                    .field("reusedBytes", report.reusedBytes())
                    .field("seconds", nanos / 1e9)
                    .field("universal", report.digests().universal())
                    .field("run", report.digests().run())
                    .object("states", () -> report.digests().states().forEach(json::field)));
        } else {
            out().fields("checkpoint", report.name());
            out().fields("tensors", report.tensors());
            out().fields("bytes", report.logicalBytes());
            out().fields("written", report.writtenBytes());
            out().fields("reused", report.reusedBytes());
            out().fields("seconds", Printable.seconds(nanos));
            out().fields("universal", Printable.hex(report.digests().universal()));
        }
        return CommandRunner.CLEAN;
    }
}
