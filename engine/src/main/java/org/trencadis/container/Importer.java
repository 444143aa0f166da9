package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatLimits;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.PieceWalk;
import org.trencadis.gather.Workers;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.storage.StorageException;

/** One import: a walk over the source whose pieces go to shards, then a catalog over them, then the commit. */
final class Importer {
    private final ContainerFiles files;
    private final ImportOptions options;
    private final long shardBytes;
    private final List<Finding> findings = new ArrayList<>();

    Importer(ContainerFiles files, ImportOptions options) {
        this(files, options, FormatLimits.SHARD_BYTES);
    }

    /** With shards of another size than the format's, for tests. */
    Importer(ContainerFiles files, ImportOptions options, long shardBytes) {
        this.files = files;
        this.shardBytes = shardBytes;
        this.options = options;
    }

    ImportReport run(Gatherer source, LongConsumer progress) throws IOException {
        Commit.checkFree(files, options.name());
        RunList runs = RunList.of(source);
        ShardPlan plan = ShardPlan.of(runs.count(), runs::bytes, shardBytes);
        try (WriterLease lease = WriterLease.begin(files);
                ExistingShards existing = ExistingShards.open(files, findings)) {
            if (existing.isEmpty() && options.codec() == Codec.RAW) {
                checkSpace(plan.totalBytes());
            }
            try (ShardSetWriter writer =
                    new ShardSetWriter(plan, options.codec(), lease.directory(), existing, files)) {
                CatalogDigests digests = new PieceWalk(source, Workers.writers(options.threads()), options.copies())
                        .run(
                                (tensor, copy, piece, bytes, sha256) ->
                                        writer.accept(runs.run(tensor, copy), piece, bytes, sha256),
                                progress);
                return commit(source, lease, runs, writer, digests);
            }
        }
    }

    private void checkSpace(long neededBytes) throws IOException {
        long freeBytes = Files.getFileStore(files.root()).getUsableSpace();
        if (freeBytes < neededBytes) {
            throw new StorageException(
                    files.root(), "the import needs " + neededBytes + " bytes, " + freeBytes + " are free");
        }
    }

    private ImportReport commit(
            Gatherer source, WriterLease lease, RunList runs, ShardSetWriter writer, CatalogDigests digests)
            throws IOException {
        StoredParts parts = writer.finish();
        String resource = "import " + options.name();
        try (Catalog catalog = ImportedCatalog.build(source, runs, parts, digests, resource)) {
            writer.checkDurable();
            new Commit(files, lease, options.name()).commit(catalog, parts.used());
        }
        return new ImportReport(
                options.name(),
                source.catalog().tensorCount(),
                runs.totalBytes(),
                parts.writtenBytes(),
                parts.reusedBytes(),
                digests,
                findings);
    }
}
