package org.trencadis.fuzz;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Any bytes as the metadata of a save of PyTorch DCP, beside data files that some of the seeds are of: the catalog is
 * sound and its tensors can be read, or there is an IOException.
 */
public final class DcpMetadataFuzzer {
    /** Seen from the root of the repository and from a module's folder. */
    private static final String DATA = "engine/src/test/resources/fixtures/dcp/two_axis_2x3/checkpoint";

    private static final int RANKS = 6;

    private DcpMetadataFuzzer() {}

    public static void fuzzerTestOneInput(FuzzedDataProvider data) {
        Budget.check(data.consumeRemainingAsBytes(), ".metadata", file -> {
            addDataFiles(file.getParent());
            Checkpoints.read(file, "dcp", catalog -> {});
        });
    }

    private static void addDataFiles(Path folder) throws IOException {
        for (int rank = 0; rank < RANKS; rank++) {
            String name = "__" + rank + "_0.distcp";
            if (!Files.exists(folder.resolve(name))) {
                Path here = Path.of(DATA).resolve(name);
                Path file = Files.exists(here) ? here : Path.of("..").resolve(here);
                Files.write(folder.resolve(name), Files.readAllBytes(file));
            }
        }
    }
}
