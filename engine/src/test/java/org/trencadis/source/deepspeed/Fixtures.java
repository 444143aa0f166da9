package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.trencadis.index.Catalog;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.Sources;
import org.trencadis.storage.FileCache;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** The real checkpoints that tests read. */
final class Fixtures {
    static final Path DEEPSPEED = Path.of("src/test/resources/fixtures/deepspeed");

    private Fixtures() {}

    static Path checkpoint(String name) {
        return DEEPSPEED.resolve(name).resolve("checkpoint");
    }

    static Catalog open(Path directory, FileCache cache) throws IOException {
        return Sources.open(directory, SourceOptions.NONE, cache);
    }

    /** What the training processes' memory held. */
    static JsonNode expected(String name) throws IOException {
        return new ObjectMapper()
                .readTree(Files.readString(DEEPSPEED.resolve(name).resolve("expected.json")));
    }
}
