package org.trencadis.tools;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** A command that reads a checkpoint: it says how a framework's directory is read, and which names are seen. */
@Command(addMethodSubcommands = false)
abstract class ReadingCommand extends LeafCommand {
    @Mixin
    SourceArguments source;
}
