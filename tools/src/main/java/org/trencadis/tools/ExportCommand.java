package org.trencadis.tools;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.Checkpoint;
import org.trencadis.ExportReport;
import org.trencadis.ExportSettings;
import org.trencadis.UniversalReport;
import org.trencadis.layout.LayoutException;
import org.trencadis.layout.UniversalLayout;
import org.trencadis.tensor.Dtype;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes files that other software reads. */
@Command(
        name = "export",
        description = {
            "--format safetensors writes the weights: the fp32 master of each parameter that has one, buffers and frozen",
            "parameters as the module held them, under their plain names. With --states: those states instead; where",
            "they are several, each tensor is called NAME.STATE. A tied parameter is written once; its other names",
            "stand in the file's metadata.",
            "OUT becomes a directory with model.safetensors, or numbered files with model.safetensors.index.json where",
            "the tensors take more than --max-shard-size; or, where OUT ends in .safetensors, that one file.",
            "--format deepspeed-universal writes all of it, optimizer and client state too, as DeepSpeed's own converter",
            "does: OUT becomes a directory with TAG_universal and latest_universal, from which a job with",
            "\"load_universal\": true resumes in any layout with load_checkpoint(OUT). Its ZeRO stage is --layout."
        })
final class ExportCommand extends LeafCommand {
    /** Formats that can be written. */
    enum Format {
        SAFETENSORS("safetensors"),
        DEEPSPEED_UNIVERSAL("deepspeed-universal");

        private final String words;

        Format(String words) {
            this.words = words;
        }

        @Override
        public String toString() {
            return words;
        }
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
            description = "Tensor bytes in a file at most, as 500MB or 4GiB. Default: 5GB.")
    String maxShardSize;

    @Option(
            names = "--layout",
            paramLabel = "LAYOUT",
            description = "What loads a universal checkpoint: zero=1, zero=2 or zero=3. Default: zero=1.")
    String layout;

    @Option(names = "--threads", paramLabel = "N", description = "Workers; default: one per processor.")
    Integer threads;

    @Mixin
    SelectionArguments selection;

    @Override
    public Integer call() throws IOException {
        return format == Format.SAFETENSORS ? exportSafetensors() : exportUniversal();
    }

    private int exportSafetensors() throws IOException {
        long start = System.nanoTime();
        if (layout != null) {
            throw new UsageException("--layout is for --format " + Format.DEEPSPEED_UNIVERSAL
                    + "; safetensors files are the same for every layout");
        }
        ExportSettings settings = new ExportSettings(
                selection.filter(),
                dtype == null ? null : dtype.dtype,
                maxShardSize == null
                        ? ExportSettings.DEFAULT_SHARD_BYTES
                        : ByteSize.parse("--max-shard-size", maxShardSize),
                Threads.check(threads));
        ExportReport report;
        try (Checkpoint checkpoint = source.open(what)) {
            report = withProgress(progress -> checkpoint.exportSafetensors(out, settings, progress));
        }
        long nanos = System.nanoTime() - start;
        if (isJson()) {
            json(json -> json.field("format", format.toString())
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

    private int exportUniversal() throws IOException {
        long start = System.nanoTime();
        checkWholeExport();
        UniversalLayout target = universalLayout();
        UniversalReport report;
        try (Checkpoint checkpoint = source.open(what)) {
            report = withProgress(
                    progress -> checkpoint.exportUniversal(out, target, Threads.check(threads), progress));
        }
        long nanos = System.nanoTime() - start;
        if (isJson()) {
            json(json -> json.field("format", format.toString())
                    .field("directory", report.directory().toString())
                    .field("zeroStage", target.zeroStage())
                    .field("files", report.files())
                    .field("tensors", report.tensors())
                    .field("bytes", report.tensorBytes())
                    .field("fileBytes", report.fileBytes())
                    .array("notices", () -> report.notices().forEach(json::item))
                    .field("seconds", nanos / 1e9));
        } else {
            report.notices().forEach(notice -> root.streams.messages().println("trencadis: " + Printable.name(notice)));
            out().fields("directory", Printable.name(report.directory().toString()));
            out().fields("files", report.files());
            out().fields("tensors", report.tensors());
            out().fields("bytes", report.tensorBytes());
            out().fields("seconds", Printable.seconds(nanos));
        }
        return CommandRunner.CLEAN;
    }

    private UniversalLayout universalLayout() {
        try {
            return layout == null ? UniversalLayout.STANDARD : UniversalLayout.parse(layout);
        } catch (LayoutException e) {
            throw new UsageException("--layout: " + e.getMessage());
        }
    }

    /** A job cannot resume from a part, nor from other numbers. */
    private void checkWholeExport() {
        boolean isPart = selection.filter().limitsNames() || selection.filter().limitsStates();
        if (isPart || dtype != null || maxShardSize != null) {
            throw new UsageException("--include, --exclude, --states, --dtype and --max-shard-size are for --format "
                    + Format.SAFETENSORS + "; a universal checkpoint is written whole and as it is");
        }
    }
}
