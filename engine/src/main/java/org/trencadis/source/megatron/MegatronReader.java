package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceReader;

/** Megatron's checkpoints. */
public final class MegatronReader implements SourceReader {
    static final String NAME = "megatron";

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public FoundSource find(Path path) throws IOException {
        return Files.isDirectory(path) ? DistReader.find(path) : null;
    }
}
