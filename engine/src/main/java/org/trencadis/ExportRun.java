package org.trencadis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.gather.Gatherer;
import org.trencadis.serve.ExportSelection;
import org.trencadis.serve.ExportedTensor;
import org.trencadis.serve.SafetensorsTree;
import org.trencadis.serve.VirtualFile;

/** One export of a checkpoint to safetensors files. */
final class ExportRun {
    private final Checkpoint checkpoint;
    private final Gatherer gatherer;
    private final ExportSettings settings;
    private final Progress progress;

    ExportRun(Checkpoint checkpoint, Gatherer gatherer, ExportSettings settings, Progress progress) {
        this.checkpoint = checkpoint;
        this.gatherer = gatherer;
        this.settings = settings;
        this.progress = progress;
    }

    ExportReport write(Path out) throws IOException {
        List<ExportedTensor> tensors = select();
        if (tensors.isEmpty()) {
            throw checkpoint.nothingSelected(checkpoint.directory().toString());
        }
        SafetensorsTree tree = new SafetensorsTree(gatherer);
        boolean single = String.valueOf(out.getFileName()).endsWith(".safetensors");
        List<VirtualFile> files = single
                ? List.of(tree.planSingle(out.getFileName().toString(), tensors))
                : tree.plan(tensors, settings.maxShardBytes());
        long fileBytes = files.stream().mapToLong(VirtualFile::sizeBytes).sum();
        progress.start(fileBytes);
        FileExport export = new FileExport(settings.threads(), progress, checkpoint::checkUnchanged);
        if (single) {
            export.writeFile(files.getFirst(), out);
        } else {
            export.writeDirectory(files, out);
        }
        List<Path> written = single
                ? List.of(out)
                : files.stream().map(file -> out.resolve(file.name())).toList();
        long tensorBytes = tensors.stream().mapToLong(ExportedTensor::bytes).sum();
        return new ExportReport(written, tensors.size(), tensorBytes, fileBytes);
    }

    private List<ExportedTensor> select() throws IOException {
        TensorFilter filter = settings.filter();
        return filter.limitsStates()
                ? ExportSelection.all(checkpoint.catalog(), filter::accepts, settings.dtype())
                : ExportSelection.weights(checkpoint.catalog(), filter::accepts, settings.dtype());
    }
}
