package org.trencadis.tools;

import java.io.IOException;
import org.trencadis.Checkpoint;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Deletes a checkpoint. */
@Command(
        name = "rm",
        header = "Delete a checkpoint from its container.",
        description = {"Bytes that nothing else needs stay until they are collected."})
final class RmCommand extends LeafCommand {
    @Parameters(paramLabel = "CONTAINER@NAME", description = "The checkpoint.")
    String what;

    @Override
    public Integer call() throws IOException {
        String name = Checkpoint.remove(what);
        if (isJson()) {
            json(json -> json.field("removed", name));
        } else {
            out().fields("removed", name);
        }
        return CommandRunner.CLEAN;
    }
}
