package org.trencadis.tools;

import java.io.IOException;
import picocli.CommandLine.Command;

/** Shows what can be done, on a checkpoint that comes along. */
@Command(name = "demo", description = "Show the commands at work on a real ZeRO checkpoint that comes along.")
final class DemoCommand extends LeafCommand {
    @Override
    public Integer call() throws IOException {
        return CommandRunner.CLEAN;
    }
}
