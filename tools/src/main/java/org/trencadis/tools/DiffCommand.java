package org.trencadis.tools;

import java.io.IOException;
import java.util.List;
import org.trencadis.Checkpoint;
import org.trencadis.Difference;
import org.trencadis.OpenOptions;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Prints in what two checkpoints differ. */
@Command(
        name = "diff",
        header = "List in what two checkpoints differ.",
        description = {
            "Separated by tabs: name, state, way, then key=value: the first element that differs, both "
                    + "values, the largest absolute difference and the number of elements that differ. Then the run "
                    + "state: setting, both values.",
            "With --names or --rename both are seen under the names asked for; where one then holds weights only, the "
                    + "weights of the other are compared, and a message says so.",
            "Prints nothing and exits with 0 where they are equal, exits with 1 where they are not."
        })
final class DiffCommand extends ReadingCommand {
    @Parameters(index = "0", paramLabel = "A", description = "A checkpoint, as in WHAT.")
    String left;

    @Parameters(index = "1", paramLabel = "B", description = "The checkpoint to compare it with.")
    String right;

    @Mixin
    SelectionArguments selection;

    @Override
    public Integer call() throws IOException {
        List<Difference> differences;
        source.checkUse(left, right);
        // A rename may be meant for one side alone.
        OpenOptions options =
                source.options().withNames(source.options().names().lenient());
        try (Checkpoint a = Checkpoint.open(left, options);
                Checkpoint b = Checkpoint.open(right, options)) {
            boolean weights =
                    !options.names().isNone() && selection.states.isEmpty() && a.isWeightsOnly() != b.isWeightsOnly();
            differences = withProgress(progress ->
                    weights ? a.diffWeights(b, selection.filter(), progress) : a.diff(b, selection.filter(), progress));
            if (weights) {
                String only = a.isWeightsOnly() ? left : right;
                out().messages()
                        .println("trencadis: " + only
                                + " holds weights only; the optimizer's states, groups and the loss"
                                + " scaler of the other are not compared");
            }
        }
        if (isJson()) {
            json(json -> json.field("left", left)
                    .field("right", right)
                    .field("equal", differences.isEmpty())
                    .array("differences", () -> {
                        for (Difference each : differences) {
                            json.item(() -> write(json, each));
                        }
                    }));
        } else {
            for (Difference each : differences) {
                print(each);
            }
        }
        return differences.isEmpty() ? CommandRunner.CLEAN : CommandRunner.FINDINGS;
    }

    private static void write(Json json, Difference difference) {
        json.field("kind", difference.kind().words())
                .field(difference.state() == null ? "setting" : "name", difference.subject());
        if (difference.state() != null) {
            json.field("state", difference.state());
        }
        json.field("left", difference.left()).field("right", difference.right());
        if (difference.kind() == Difference.Kind.VALUES) {
            json.field("first", difference.firstElement())
                    .field("maxAbsolute", difference.maxAbsolute())
                    .field("elements", difference.elements());
        }
    }

    private void print(Difference difference) throws IOException {
        String left = "left=" + text(difference.left());
        String right = "right=" + text(difference.right());
        String way = difference.kind().words();
        if (difference.kind() == Difference.Kind.RUN) {
            out().fields(way, Printable.name(difference.subject()), left, right);
            return;
        }
        String name = Printable.name(difference.subject());
        String state = Printable.name(difference.state());
        switch (difference.kind()) {
            case VALUES ->
                out().fields(
                                name,
                                state,
                                way,
                                "first=" + Printable.point(difference.firstElement()),
                                left,
                                right,
                                "maxAbsolute=" + difference.maxAbsolute(),
                                "elements=" + difference.elements());
            default -> out().fields(name, state, way, left, right);
        }
    }

    private static String text(String value) {
        return value == null ? "-" : Printable.name(value);
    }
}
