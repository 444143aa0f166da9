package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.SourceReader;
import org.trencadis.storage.FileCache;

/** DeepSpeed's checkpoints: the folder of a tag, a save directory whose {@code latest} names it, a universal folder. */
public final class DeepSpeedSource implements SourceReader {
    @Override
    public String name() {
        return "deepspeed";
    }

    @Override
    public FoundSource find(Path path) throws IOException {
        DeepSpeedDirectory directory = Files.isDirectory(path) ? DeepSpeedDirectory.find(path) : null;
        return directory == null ? null : new Found(directory);
    }

    private record Found(DeepSpeedDirectory directory) implements FoundSource {
        @Override
        public List<String> evidence() {
            return directory.evidence();
        }

        @Override
        public Catalog read(SourceOptions options, FileCache cache) throws IOException {
            return DeepSpeedReader.read(directory, options.sourceLayout(), cache);
        }
    }
}
