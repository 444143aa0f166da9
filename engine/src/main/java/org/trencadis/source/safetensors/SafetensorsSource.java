package org.trencadis.source.safetensors;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.SourceReader;
import org.trencadis.storage.FileCache;

/**
 * Safetensors: one file, a directory of Hugging Face's with or without an index, and the shards that PyTorch's distributed
 * checkpoint writes in this format.
 */
public final class SafetensorsSource implements SourceReader {
    @Override
    public String name() {
        return "safetensors";
    }

    @Override
    public FoundSource find(Path path) throws IOException {
        SafetensorsFiles files = SafetensorsFiles.find(path);
        return files == null ? null : new Found(files);
    }

    private record Found(SafetensorsFiles files) implements FoundSource {
        @Override
        public List<String> evidence() {
            return files.evidence();
        }

        @Override
        public Catalog read(SourceOptions options, FileCache cache) throws IOException {
            options.checkNoLayout(
                    "the safetensors reader", "its tensors are whole, or their files say where the shards lie");
            return SafetensorsReader.read(files, cache);
        }
    }
}
