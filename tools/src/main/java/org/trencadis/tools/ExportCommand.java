package org.trencadis.tools;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.Checkpoint;
import org.trencadis.ExportReport;
import org.trencadis.ExportSettings;
import org.trencadis.tensor.Dtype;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes files that other software reads. */
@Command(
        name = "export",
        description = {
            "Write the weights as safetensors: the fp32 master of each parameter that has one, buffers and frozen",
            "parameters as the module held them, under their plain names. With --states: those states instead; where",
            "they are several, each tensor is called NAME.STATE. A tied parameter is written once; its other names",
            "stand in the file's metadata.",
            "OUT becomes a directory with model.safetensors, or numbered files with model.safetensors.index.json where",
            "the tensors take more than --max-shard-size; or, where OUT ends in .safetensors, that one file."
        })
final class ExportCommand extends LeafCommand {
    /** Formats that can be written. */
    enum Format {
        safetensors
    }

    /** Types that floats can be rounded to. */
    enum FloatType {
        bf16(Dtype.BFLOAT16),
        fp16(Dtype.FLOAT16),
        fp32(Dtype.FLOAT32);

        private final Dtype dtype;

        FloatType(Dtype dtype) {
            this.dtype = dtype;
        }
    }

    @Parameters(index = "0", paramLabel = "WHAT", description = "Checkpoint directory, container, or DIR@NAME.")
    String what;

    @Parameters(index = "1", paramLabel = "OUT", description = "What to write; must not exist.")
    Path out;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            required = true,
            description = "One of: ${COMPLETION-CANDIDATES}.")
    Format format;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description = "Round floats to ${COMPLETION-CANDIDATES}, to the nearest, ties to even.")
    FloatType dtype;

    @Option(
            names = "--max-shard-size",
            paramLabel = "SIZE",
            defaultValue = "5GB",
            description = "Tensor bytes in a file at most, as 500MB or 4GiB. Default: ${DEFAULT-VALUE}.")
    String maxShardSize;

    @Option(names = "--threads", paramLabel = "N", description = "Workers; default: one per processor.")
    Integer threads;

    @Mixin
    SelectionArguments selection;

    @Override
    public Integer call() throws IOException {
        long start = System.nanoTime();
        ExportSettings settings = new ExportSettings(
                selection.filter(),
                dtype == null ? null : dtype.dtype,
                ByteSize.parse("--max-shard-size", maxShardSize),
                Threads.check(threads));
        ExportReport report;
        try (Checkpoint checkpoint = source.open(what)) {
            report = withProgress(progress -> checkpoint.exportSafetensors(out, settings, progress));
        }
        long nanos = System.nanoTime() - start;
        if (isJson()) {
            json(json -> json.field("format", format.name())
                    .array("files", () -> report.files().forEach(file -> json.item(file.toString())))
                    .field("tensors", report.tensors())
                    .field("bytes", report.tensorBytes())
                    .field("fileBytes", report.fileBytes())
                    .field("seconds", nanos / 1e9));
        } else {
            for (Path file : report.files()) {
                out().fields("file", Printable.name(file.toString()));
            }
            out().fields("tensors", report.tensors());
            out().fields("bytes", report.tensorBytes());
            out().fields("seconds", Printable.seconds(nanos));
        }
        return CommandRunner.CLEAN;
    }
}
