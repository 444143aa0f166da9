package org.trencadis.tools;

import java.io.IOException;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.Checkpoint;
import org.trencadis.CheckpointDigests;
import org.trencadis.TensorDigest;
import org.trencadis.TensorFilter;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Shapes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints digests, stored or computed. */
@Command(
        name = "digest",
        header = "Print digests: equal ones mean the same state of training.",
        description = {
            "The universal digest is over all tensors, the run digest over optimizer groups, steps and "
                    + "loss scaler; then one for each state. They are the same whatever layout wrote the "
                    + "checkpoint.",
            "With --states: those states alone. With --include or --exclude: digests of states over the "
                    + "selected tensors alone."
        })
final class DigestCommand extends ReadingCommand {
    @Parameters(paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Option(
            names = "--sha256",
            description = "One line per tensor: SHA-256 of its little-endian row-major bytes, two spaces, then"
                    + " tab-separated name, state, dtype, shape.")
    boolean sha256;

    @Mixin
    SelectionArguments selection;

    @Override
    public Integer call() throws IOException {
        TensorFilter filter = selection.filter();
        try (Checkpoint checkpoint = source.open(what)) {
            if (sha256) {
                printTensors(withProgress(progress -> checkpoint.flatDigests(filter, progress)));
            } else if (filter.limitsNames()) {
                printSelected(withProgress(progress -> checkpoint.stateDigests(filter, progress)));
            } else {
                printWhole(withProgress(checkpoint::digests), filter);
            }
        }
        return CommandRunner.CLEAN;
    }

    private void printTensors(List<TensorDigest> digests) throws IOException {
        if (isJson()) {
            json(json -> json.field("what", what).array("tensors", () -> {
                for (TensorDigest digest : digests) {
                    json.item(() -> TensorJson.writeHead(json, digest.tensor()).field("sha256", digest.flat()));
                }
            }));
            return;
        }
        for (TensorDigest digest : digests) {
            out().line(line(digest));
        }
    }

    /** The line that {@code --sha256} prints. */
    static String line(TensorDigest digest) {
        Tensor tensor = digest.tensor();
        return String.join(
                "\t",
                Printable.hex(digest.flat()) + "  " + Printable.name(tensor.name()),
                Printable.name(tensor.state()),
                tensor.dtype().torchName(),
                Shapes.print(tensor.shape()));
    }

    private void printSelected(SortedMap<String, byte[]> states) throws IOException {
        if (isJson()) {
            json(json -> json.field("what", what).object("states", () -> states.forEach(json::field)));
        } else {
            printStates(states);
        }
    }

    private void printWhole(CheckpointDigests digests, TensorFilter filter) throws IOException {
        SortedMap<String, byte[]> states = new TreeMap<>(digests.states());
        states.keySet().removeIf(state -> !filter.acceptsState(state));
        boolean whole = !filter.limitsStates();
        if (states.isEmpty() && !whole) {
            throw new IOException(what + " holds no such state; it holds "
                    + String.join(", ", digests.states().keySet()));
        }
        if (isJson()) {
            json(json -> {
                json.field("what", what);
                if (whole) {
                    json.field("universal", digests.universal()).field("run", digests.run());
                }
                json.object("states", () -> states.forEach(json::field)).field("stored", digests.isStored());
            });
            return;
        }
        if (whole) {
            out().fields("universal", Printable.hex(digests.universal()));
            out().fields("run", Printable.hex(digests.run()));
        }
        printStates(states);
    }

    private void printStates(SortedMap<String, byte[]> states) throws IOException {
        for (var entry : states.entrySet()) {
            out().fields("state", Printable.name(entry.getKey()), Printable.hex(entry.getValue()));
        }
    }
}
