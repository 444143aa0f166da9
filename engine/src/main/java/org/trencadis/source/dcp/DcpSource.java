package org.trencadis.source.dcp;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.SourceReader;
import org.trencadis.storage.FileCache;

/** Checkpoints of {@code torch.distributed.checkpoint}: FSDP, DTensor, and whatever saves a state dictionary with it. */
public final class DcpSource implements SourceReader {
    static final String NAME = "dcp";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public FoundSource find(Path path) throws IOException {
        DcpDirectory directory = DcpDirectory.find(path);
        return directory == null ? null : new Found(directory);
    }

    private record Found(DcpDirectory directory) implements FoundSource {
        @Override
        public List<String> evidence() {
            return directory.evidence();
        }

        @Override
        public Catalog read(SourceOptions options, FileCache cache) throws IOException {
            options.checkNoLayout(
                    "the DCP reader", "the metadata of " + directory.folder() + " say where each chunk lies");
            return DcpReader.read(directory, cache);
        }
    }
}
