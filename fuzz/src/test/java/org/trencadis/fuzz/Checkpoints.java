package org.trencadis.fuzz;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.Sources;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Region;

/** Reads a file as a checkpoint: its catalog, which must be sound, and the bytes of its small tensors. */
final class Checkpoints {
    private static final long MAX_TENSOR_BYTES = 1 << 16;

    private Checkpoints() {}

    /** What must hold of a catalog beyond its own rules. */
    @FunctionalInterface
    interface Check {
        void check(Catalog catalog) throws IOException;
    }

    static void read(Path file, String source, Check check) throws IOException {
        try (FileCache cache = new FileCache();
                Catalog catalog = Sources.open(file, new SourceOptions(source, null), cache);
                CheckpointFiles files = CheckpointFiles.open(catalog, file.getParent(), null, cache)) {
            checkStructure(catalog);
            check.check(catalog);
            Gatherer gatherer = new Gatherer(catalog, files);
            for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
                Tensor tensor = catalog.tensor(ordinal);
                if (tensor.bytes() <= MAX_TENSOR_BYTES) {
                    gather(gatherer, tensor);
                }
            }
        }
    }

    /** A catalog that a reader made and that is not sound is a fault of ours, not of its input. */
    private static void checkStructure(Catalog catalog) {
        try {
            catalog.checkStructure();
            catalog.attachments();
            catalog.aliases();
            catalog.findings();
            catalog.facts();
        } catch (IOException e) {
            throw new IllegalStateException("a catalog that is not sound", e);
        }
    }

    private static void gather(Gatherer gatherer, Tensor tensor) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            gatherer.gather(tensor, Region.whole(tensor.shape()), arena.allocate(tensor.bytes(), 64));
        }
    }
}
