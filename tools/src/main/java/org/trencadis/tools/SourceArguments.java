package org.trencadis.tools;

import java.io.IOException;
import java.nio.file.Path;
import org.trencadis.Checkpoint;
import org.trencadis.OpenOptions;
import picocli.CommandLine.Option;

/** How a framework's directory is to be read. */
final class SourceArguments {
    @Option(
            names = "--source",
            paramLabel = "NAME",
            description = "Read the directory as this framework's instead of recognising it.")
    String sourceName;

    @Option(
            names = "--source-layout",
            paramLabel = "FILE",
            description = "Geometry that the directory's files do not carry.")
    Path sourceLayout;

    Checkpoint open(String what) throws IOException {
        return Checkpoint.open(what, options());
    }

    OpenOptions options() {
        return new OpenOptions(sourceName, sourceLayout);
    }
}
