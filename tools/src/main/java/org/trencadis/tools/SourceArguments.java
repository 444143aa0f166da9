package org.trencadis.tools;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.Checkpoint;
import org.trencadis.NameOptions;
import org.trencadis.OpenOptions;
import picocli.CommandLine.Option;

/** How a framework's directory is to be read, and under which names tensors are seen. */
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

    @Option(
            names = "--rename",
            paramLabel = "REGEX=NEW",
            description = "See a tensor under another name: NEW replaces what REGEX matches from the start of the name;"
                    + " $1 is its first group. The first --rename that matches counts.")
    List<String> renames = new ArrayList<>();

    @Option(
            names = "--names",
            paramLabel = "NAMING",
            description =
                    "See all tensors, split, joined and turned as need be, as another framework names them: llama,"
                            + " gpt2 (Hugging Face), megatron-llama ...; or as a file of rules says.")
    String naming;

    Checkpoint open(String what) throws IOException {
        return Checkpoint.open(what, options());
    }

    /** Whether tensors are to be seen under other names. */
    boolean isRenaming() {
        return !options().names().isNone();
    }

    OpenOptions options() {
        return new OpenOptions(sourceName, sourceLayout, new NameOptions(renames, naming, true));
    }
}
