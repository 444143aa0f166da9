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
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.TypeConversionException;

/** Writes files that other software reads. */
@Command(
        name = "export",
        header = "Write files that other software reads.",
        description = {
            "safetensors: the weights. The fp32 master of each parameter that has one, buffers and frozen "
                    + "parameters as the module held them, under their plain names. With --states: those states "
                    + "instead; where they are several, each tensor is called NAME.STATE. A tied parameter is "
                    + "written once; its other names stand in the metadata of its file.",
            "OUT becomes a directory with model.safetensors, or numbered files with "
                    + "model.safetensors.index.json where the tensors take more than --max-shard-size; or, where "
                    + "OUT ends in .safetensors, that one file.",
            "deepspeed-universal: a universal folder that DeepSpeed resumes from, for the stage that "
                    + "--layout names.",
            "What exists is not replaced, and a failed export leaves nothing."
        })
final class ExportCommand extends ReadingCommand {
    /** Formats that can be written. */
    enum Format {
        SAFETENSORS("safetensors"),
        DEEPSPEED_UNIVERSAL("deepspeed-universal");

        private final String text;

        Format(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /** Reads the name of a format, as it is printed. */
    static final class FormatName implements ITypeConverter<Format> {
        @Override
        public Format convert(String text) {
            for (Format format : Format.values()) {
                if (format.text.equalsIgnoreCase(text)) {
                    return format;
                }
            }
            throw new TypeConversionException(
                    Format.SAFETENSORS + " and " + Format.DEEPSPEED_UNIVERSAL + " can be written, not " + text);
        }
    }

    @Parameters(index = "0", paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Parameters(index = "1", paramLabel = "OUT", description = "What to write; must not exist.")
    Path out;

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            required = true,
            converter = FormatName.class,
            description = "One of: ${COMPLETION-CANDIDATES}.")
    Format format;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            converter = FloatType.class,
            description = "Round floats to bf16, fp16 or fp32, or as torch calls them: bfloat16, float16 or float32;"
                    + " in any case. To the nearest, ties to even. Floats of 8 bits and less stay as they are.")
    Dtype dtype;

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

    @Option(
            names = "--layout",
            paramLabel = "LAYOUT",
            description = "What will load a deepspeed-universal export: zero=1, zero=2 or zero=3. Default: zero=1.")
    String layout;

    @Override
    public Integer call() throws IOException {
        int workers = Threads.check(threads);
        long start = System.nanoTime();
        try (Checkpoint checkpoint = source.open(what)) {
            printLosses(checkpoint);
            switch (format) {
                case SAFETENSORS -> {
                    ExportSettings settings = safetensorsSettings(workers);
                    reportFiles(withProgress(progress -> checkpoint.exportSafetensors(out, settings, progress)), start);
                }
                case DEEPSPEED_UNIVERSAL -> {
                    checkUniversal();
                    UniversalLayout target = universalLayout();
                    reportTree(
                            withProgress(progress -> checkpoint.exportUniversal(out, target, workers, progress)),
                            start);
                }
            }
        }
        return CommandRunner.CLEAN;
    }

    private ExportSettings safetensorsSettings(int workers) {
        if (layout != null) {
            throw new UsageException("--layout says nothing about safetensors, which hold whole tensors");
        }
        return new ExportSettings(selection.filter(), dtype, ByteSize.parse("--max-shard-size", maxShardSize), workers);
    }

    /** A universal folder is a whole state of training: nothing can be left out of it or rounded. */
    private void checkUniversal() {
        if (dtype != null
                || selection.filter().limitsNames()
                || selection.filter().limitsStates()) {
            throw new UsageException("--dtype, --states, --include and --exclude are for --format safetensors");
        }
    }

    private void reportFiles(ExportReport report, long start) throws IOException {
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
    }

    private void reportTree(UniversalReport report, long start) throws IOException {
        long nanos = System.nanoTime() - start;
        if (isJson()) {
            json(json -> json.field("format", format.toString())
                    .field("directory", report.directory().toString())
                    .field("files", report.files())
                    .field("tensors", report.tensors())
                    .field("bytes", report.tensorBytes())
                    .field("fileBytes", report.fileBytes())
                    .field("seconds", nanos / 1e9)
                    .array("notices", () -> report.notices().forEach(json::item)));
        } else {
            report.notices().forEach(notice -> out().messages().println("trencadis: " + Printable.name(notice)));
            out().fields("directory", Printable.name(report.directory().toString()));
            out().fields("files", report.files());
            out().fields("tensors", report.tensors());
            out().fields("bytes", report.tensorBytes());
            out().fields("seconds", Printable.seconds(nanos));
        }
    }

    private UniversalLayout universalLayout() {
        try {
            return layout == null ? UniversalLayout.STANDARD : UniversalLayout.parse(layout);
        } catch (LayoutException e) {
            throw new UsageException("--layout: " + e.getMessage());
        }
    }
}
