package org.trencadis.tools;

import java.io.IOException;
import java.util.List;
import org.trencadis.Checkpoint;
import org.trencadis.TensorStats;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints numbers about the elements of tensors. */
@Command(
        name = "stats",
        header = "Count NaN and infinite elements; least, greatest, mean and norm.",
        description = {
            "Least, greatest, mean and norm are those of the finite elements. Separated by tabs: name, "
                    + "state, then key=value."
        })
final class StatsCommand extends ReadingCommand {
    @Parameters(paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Option(names = "--per-rank", description = "A line for each source rank: what it held of the tensor.")
    boolean perRank;

    @Mixin
    SelectionArguments selection;

    @Override
    public Integer call() throws IOException {
        try (Checkpoint checkpoint = source.open(what)) {
            List<TensorStats> stats = withProgress(progress -> checkpoint.stats(selection.filter(), perRank, progress));
            if (isJson()) {
                json(json -> json.field("what", what).array("tensors", () -> {
                    for (TensorStats each : stats) {
                        json.item(() -> write(json, each));
                    }
                }));
            } else {
                for (TensorStats each : stats) {
                    print(each);
                }
            }
        }
        return CommandRunner.CLEAN;
    }

    private static void write(Json json, TensorStats stats) {
        json.field("name", stats.tensor().name())
                .field("state", stats.tensor().state())
                .field("dtype", stats.tensor().dtype().torchName());
        if (stats.rank() >= 0) {
            json.field("rank", stats.rank());
        }
        json.field("elements", stats.elements())
                .field("nan", stats.nanCount())
                .field("inf", stats.infCount())
                .field("min", stats.min())
                .field("max", stats.max())
                .field("mean", stats.mean())
                .field("norm", stats.norm());
    }

    private void print(TensorStats stats) throws IOException {
        String state = Printable.name(stats.tensor().state());
        out().fields(
                        Printable.name(stats.tensor().name()),
                        stats.rank() < 0 ? state : state + "\trank=" + stats.rank(),
                        "elements=" + stats.elements(),
                        "nan=" + stats.nanCount(),
                        "inf=" + stats.infCount(),
                        "min=" + Printable.number(stats.min()),
                        "max=" + Printable.number(stats.max()),
                        "mean=" + Printable.number(stats.mean()),
                        "norm=" + Printable.number(stats.norm()));
    }
}
