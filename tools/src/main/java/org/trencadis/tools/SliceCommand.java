package org.trencadis.tools;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import org.trencadis.Checkpoint;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a part of one tensor. */
@Command(
        name = "slice",
        header = "Write a part of a tensor.",
        description = {
            "Its elements in row-major order, little-endian; or with --npy a file for numpy, which has no "
                    + "bfloat16 and no 8-bit floats: those come as raw bytes, |V2 and |V1. Only the bytes that are "
                    + "asked for are read."
        })
final class SliceCommand extends ReadingCommand {
    @Parameters(index = "0", paramLabel = "WHAT", description = "Checkpoint directory or file, container, or DIR@NAME.")
    String what;

    @Parameters(
            index = "1",
            paramLabel = "NAME[:STATE]",
            description = "The tensor; without a state its fp32 master, or the only state it has.")
    String name;

    @Option(
            names = "--box",
            paramLabel = "FROM:END,...",
            description = "Positions per axis, END not included; an axis left out is taken whole.")
    String box;

    @Option(names = "-o", paramLabel = "FILE", description = "Write to a new file instead of the output.")
    Path file;

    @Option(names = "--npy", description = "Write a .npy file.")
    boolean npy;

    @Override
    public Integer call() throws IOException {
        if (file == null && isJson()) {
            throw new UsageException("with --json the slice needs a file of its own: -o FILE");
        }
        if (file == null && root.streams.isOutputTerminal()) {
            throw new UsageException("a slice is binary, the output is a terminal: use -o FILE or redirect it");
        }
        try (Checkpoint checkpoint = source.open(what)) {
            Tensor tensor = TensorArgument.one(checkpoint, name);
            Box part = BoxArgument.parse(box, tensor.shape());
            if (npy && tensor.dtype().bits() % 8 != 0) {
                throw new UsageException("elements of " + tensor.dtype().torchName() + " do not fill bytes: no --npy");
            }
            byte[] head = npy ? NpyHeader.encode(tensor.dtype(), part.extents()) : new byte[0];
            if (file == null) {
                OutputStream out = root.streams.out();
                out.write(head);
                checkpoint.copy(tensor, part, out);
            } else {
                long bytes = checkpoint.copy(tensor, part, head, file);
                report(tensor, part, bytes);
            }
        }
        return CommandRunner.CLEAN;
    }

    private void report(Tensor tensor, Box part, long bytes) throws IOException {
        if (isJson()) {
            json(json -> TensorJson.writeHead(json, tensor)
                    .field("offsets", part.offsets())
                    .field("extents", part.extents())
                    .field("file", file.toString())
                    .field("fileBytes", bytes));
        } else {
            out().fields(
                            Printable.name(tensor.name()),
                            Printable.name(tensor.state()),
                            tensor.dtype().torchName(),
                            Shapes.print(part.extents()),
                            bytes);
        }
    }
}
