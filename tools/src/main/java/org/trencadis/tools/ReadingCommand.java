package org.trencadis.tools;

import java.io.IOException;
import org.trencadis.Checkpoint;
import org.trencadis.index.Finding;
import org.trencadis.index.ViewedCatalog;
import picocli.CommandLine.Mixin;

/** A command that reads a checkpoint: it says how a framework's directory is read, and which names are seen. */
abstract class ReadingCommand extends LeafCommand {
    @Mixin
    SourceArguments source;

    /** Says what the reader could not keep, before somebody deletes the original. */
    void printLosses(Checkpoint checkpoint) throws IOException {
        for (Finding finding : checkpoint.catalog().findings()) {
            if (!finding.code().equals(ViewedCatalog.PARALLELISM_LEFT_OUT)) {
                print(finding);
            }
        }
    }

    void print(Finding finding) {
        out().messages().println("trencadis: " + Printable.name(finding.text()));
    }
}
