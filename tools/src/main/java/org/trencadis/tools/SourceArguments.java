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
        checkUse(what);
        return Checkpoint.open(what, options());
    }

    /**
     * Refuses options about the reading of directories where there is none among {@code whats}: a container says itself how
     * its bytes lie.
     */
    void checkUse(String... whats) throws IOException {
        if (sourceName == null && sourceLayout == null) {
            return;
        }
        for (String what : whats) {
            if (!Checkpoint.isContainer(what)) {
                return;
            }
        }
        throw new UsageException((sourceName != null ? "--source" : "--source-layout")
                + " says how a framework's directory is read, and " + String.join(" and ", whats)
                + (whats.length == 1 ? " is a container" : " are containers"));
    }

    /** Whether tensors are to be seen under other names. */
    boolean isRenaming() {
        return !options().names().isNone();
    }

    OpenOptions options() {
        return new OpenOptions(sourceName, sourceLayout, new NameOptions(renames, naming, true));
    }
}
