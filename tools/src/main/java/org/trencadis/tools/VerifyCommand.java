package org.trencadis.tools;

import java.io.IOException;
import java.util.Locale;
import org.trencadis.Checkpoint;
import org.trencadis.VerifyFinding;
import org.trencadis.VerifyLevel;
import org.trencadis.VerifyReport;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Looks for damage. */
@Command(
        name = "verify",
        header = "Look for damage.",
        description = {
            "Prints each finding with its place and the command that heals it, and exits with 1 where "
                    + "there are any. A container without @NAME is checked with all its checkpoints.",
            "Levels: structure reads no tensor bytes; copies compares copies that must be equal; data "
                    + "reads every byte and compares it with each digest that is known."
        })
final class VerifyCommand extends ReadingCommand {
    @Parameters(paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Option(
            names = "--level",
            paramLabel = "LEVEL",
            defaultValue = "data",
            description = "structure, copies or data. Default: ${DEFAULT-VALUE}.")
    VerifyLevel level;

    @Override
    public Integer call() throws IOException {
        source.checkUse(what);
        if (source.isRenaming() && Checkpoint.isContainer(what)) {
            throw new UsageException("--names and --rename are not for verify of a container, which looks at what is"
                    + " stored, under the names that it is stored under");
        }
        VerifyReport report = withProgress(progress -> Checkpoint.verify(what, source.options(), level, progress));
        if (isJson()) {
            json(json -> write(json, report));
        } else {
            for (VerifyFinding finding : report.findings()) {
                out().line(line(finding));
            }
            report.notes().forEach(note -> root.streams.messages().println("note: " + note));
            String verdict = report.isClean() ? "clean" : report.findings().size() + " findings";
            out().fields(verdict, report.tensors() + " tensors", report.readBytes() + " bytes read");
        }
        return report.isClean() ? CommandRunner.CLEAN : CommandRunner.FINDINGS;
    }

    private void write(Json json, VerifyReport report) throws IOException {
        json.field("what", what)
                .field("level", level.name().toLowerCase(Locale.ROOT))
                .field("clean", report.isClean())
                .field("tensors", report.tensors())
                .field("readBytes", report.readBytes())
                .array("findings", () -> {
                    for (VerifyFinding finding : report.findings()) {
                        json.item(() -> json.field("code", finding.code())
                                .field("message", finding.message())
                                .field("tensor", finding.tensor())
                                .field("region", finding.region())
                                .field("chunk", finding.chunk())
                                .field("file", finding.file())
                                .field("offset", finding.offsetBytes())
                                .field("heal", finding.heal()));
                    }
                })
                .array("notes", () -> report.notes().forEach(json::item));
    }

    /** {@code code: message; tensor …, region …, chunk …, file …, offset …; heal: …}. */
    static String line(VerifyFinding finding) {
        StringBuilder text = new StringBuilder(finding.code() + ": " + finding.message());
        String before = "; ";
        String[] places = {
            place("tensor", finding.tensor()),
            place("region", finding.region()),
            finding.chunk() < 0 ? "" : "chunk " + finding.chunk(),
            place("file", finding.file()),
            finding.offsetBytes() < 0 ? "" : "offset " + finding.offsetBytes()
        };
        for (String place : places) {
            if (!place.isEmpty()) {
                text.append(before).append(place);
                before = ", ";
            }
        }
        if (finding.heal() != null) {
            text.append("; heal: ").append(finding.heal());
        }
        return Printable.name(text.toString());
    }

    private static String place(String word, String value) {
        return value == null ? "" : word + " " + value;
    }
}
