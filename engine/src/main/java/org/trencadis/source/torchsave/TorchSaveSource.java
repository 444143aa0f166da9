package org.trencadis.source.torchsave;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.SourceReader;
import org.trencadis.storage.FileCache;

/**
 * What {@code torch.save} wrote without a framework around it: one file, a directory with one such file, Hugging Face's
 * {@code pytorch_model.bin} with or without an index.
 */
public final class TorchSaveSource implements SourceReader {
    @Override
    public String name() {
        return "torchsave";
    }

    @Override
    public FoundSource find(Path path) throws IOException {
        TorchSaveFiles files = TorchSaveFiles.find(path);
        return files == null ? null : new Found(files);
    }

    @Override
    public String findHindrance(Path path) throws IOException {
        return TorchSaveFiles.findHindrance(path);
    }

    private record Found(TorchSaveFiles files) implements FoundSource {
        @Override
        public List<String> evidence() {
            return files.evidence();
        }

        @Override
        public Catalog read(SourceOptions options, FileCache cache) throws IOException {
            options.checkNoLayout("the torch.save reader", "its tensors are whole");
            return TorchSaveReader.read(files, cache);
        }
    }
}
