package org.trencadis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.Set;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.ViewedCatalog;
import org.trencadis.layout.UniversalLayout;
import org.trencadis.serve.UniversalFile;
import org.trencadis.serve.UniversalTree;

/** One export of a checkpoint to a DeepSpeed universal checkpoint. */
final class UniversalExport {
    private final Checkpoint checkpoint;
    private final Gatherer gatherer;
    private final UniversalLayout layout;
    private final int threads;
    private final Progress progress;

    UniversalExport(Checkpoint checkpoint, Gatherer gatherer, UniversalLayout layout, int threads, Progress progress) {
        this.checkpoint = checkpoint;
        this.gatherer = gatherer;
        this.layout = layout;
        this.threads = threads;
        this.progress = progress;
    }

    UniversalReport write(Path out) throws IOException {
        checkNames();
        Set<String> notices = new LinkedHashSet<>();
        UniversalTree tree = UniversalTree.plan(gatherer, layout, notices::add);
        progress.start(
                tree.files().stream().mapToLong(UniversalFile::payloadBytes).sum());
        TreeExport export = new TreeExport(threads, progress, checkpoint::checkUnchanged);
        long fileBytes = export.write(tree, out);
        return new UniversalReport(
                out, tree.files().size() + 1L, tree.tensors(), tree.tensorBytes(), fileBytes, new ArrayList<>(notices));
    }

    /** A universal checkpoint says of each parameter how it is cut, and the job said that of other names. */
    private void checkNames() throws IOException {
        boolean isLeftOut = gatherer.catalog().findings().stream()
                .anyMatch(finding -> finding.code().equals(ViewedCatalog.PARALLELISM_LEFT_OUT));
        if (isLeftOut) {
            throw new IOException("a universal checkpoint cannot be written under other names: what the training job"
                    + " declared about tensor parallelism speaks of the names that its parameters have; export without"
                    + " --names and --rename");
        }
    }
}
