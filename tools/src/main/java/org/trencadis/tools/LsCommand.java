package org.trencadis.tools;

import java.io.IOException;
import java.util.List;
import org.trencadis.Checkpoint;
import org.trencadis.CheckpointSummary;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Shapes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Lists tensors, or the checkpoints of a container that holds several. */
@Command(
        name = "ls",
        header = "List the tensors of a checkpoint, or the checkpoints of a container.",
        description = {
            "One tensor a line, separated by tabs: name, state, dtype, shape, bytes, copies, fragments; "
                    + "totals last.",
            "A container that holds one checkpoint lists its tensors; one that holds several lists them: "
                    + "name, generation, tensors, bytes, source, link or stored, universal digest. NAME of DIR@NAME "
                    + "chooses one."
        })
final class LsCommand extends ReadingCommand {
    @Parameters(paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Mixin
    SelectionArguments selection;

    /** Sums over the tensors that were listed. */
    private static final class Totals {
        private long tensors;
        private long bytes;
        private long copies;
        private long fragments;
    }

    @Override
    public Integer call() throws IOException {
        source.checkUse(what);
        List<CheckpointSummary> checkpoints = Checkpoint.findCheckpoints(what);
        if (checkpoints != null && checkpoints.size() != 1) {
            list(checkpoints);
            return CommandRunner.CLEAN;
        }
        try (Checkpoint checkpoint = source.open(what)) {
            if (isJson()) {
                json(json -> {
                    json.field("what", what).field("checkpoint", checkpoint.name());
                    writeCheckpoints(json, checkpoints);
                    writeTensors(json, checkpoint);
                });
            } else {
                printTensors(checkpoint);
            }
        }
        return CommandRunner.CLEAN;
    }

    private void list(List<CheckpointSummary> checkpoints) throws IOException {
        if (isJson()) {
            json(json -> {
                json.field("what", what).field("checkpoint", (String) null);
                writeCheckpoints(json, checkpoints);
            });
            return;
        }
        for (CheckpointSummary each : checkpoints) {
            out().fields(
                            each.name(),
                            each.generation(),
                            each.tensors(),
                            each.logicalBytes(),
                            each.source() == null ? "-" : Printable.name(each.source()),
                            each.isLink() ? "link" : "stored",
                            each.universal() == null ? "-" : Printable.hex(each.universal()));
        }
        long bytes =
                checkpoints.stream().mapToLong(CheckpointSummary::logicalBytes).sum();
        out().fields(checkpoints.size() + " checkpoints", "", "", bytes);
    }

    private static void writeCheckpoints(Json json, List<CheckpointSummary> checkpoints) throws IOException {
        if (checkpoints == null) {
            return;
        }
        json.array("checkpoints", () -> {
            for (CheckpointSummary each : checkpoints) {
                json.item(() -> json.field("name", each.name())
                        .field("generation", each.generation())
                        .field("tensors", each.tensors())
                        .field("bytes", each.logicalBytes())
                        .field("source", each.source())
                        .field("link", each.isLink())
                        .field("universal", each.universal()));
            }
        });
    }

    private void printTensors(Checkpoint checkpoint) throws IOException {
        Totals totals = new Totals();
        for (Tensor tensor : checkpoint.select(selection.filter())) {
            long fragments = fragments(checkpoint.catalog(), tensor);
            add(totals, tensor, fragments);
            out().fields(
                            Printable.name(tensor.name()),
                            Printable.name(tensor.state()),
                            tensor.dtype().torchName(),
                            Shapes.print(tensor.shape()),
                            tensor.bytes(),
                            tensor.copyCount(),
                            fragments);
        }
        String label = totals.tensors + " tensors" + (checkpoint.name() == null ? "" : " in " + checkpoint.name());
        out().fields(label, "", "", "", totals.bytes, totals.copies, totals.fragments);
    }

    private void writeTensors(Json json, Checkpoint checkpoint) throws IOException {
        Totals totals = new Totals();
        json.array("tensors", () -> {
            for (Tensor tensor : checkpoint.select(selection.filter())) {
                long fragments = fragments(checkpoint.catalog(), tensor);
                add(totals, tensor, fragments);
                json.item(() -> TensorJson.writeHead(json, tensor)
                        .field("copies", tensor.copyCount())
                        .field("fragments", fragments)
                        .field("margins", tensor.marginCount())
                        .field("blend", tensor.blend()));
            }
        });
        json.object(
                "totals",
                () -> json.field("tensors", totals.tensors)
                        .field("bytes", totals.bytes)
                        .field("copies", totals.copies)
                        .field("fragments", totals.fragments));
    }

    private static void add(Totals totals, Tensor tensor, long fragments) {
        totals.tensors++;
        totals.bytes += tensor.bytes();
        totals.copies += tensor.copyCount();
        totals.fragments += fragments;
    }

    /** Fragments of all copies and margins. */
    private static long fragments(Catalog catalog, Tensor tensor) throws IOException {
        long fragments = 0;
        for (int copy = 0; copy < tensor.copyCount() + tensor.marginCount(); copy++) {
            fragments += catalog.copy(tensor, copy).fragmentCount();
        }
        return fragments;
    }
}
