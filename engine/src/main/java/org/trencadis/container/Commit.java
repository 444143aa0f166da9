package org.trencadis.container;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.FileEntry;
import org.trencadis.index.IndexImage;
import org.trencadis.storage.Directories;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.FileLocks;
import org.trencadis.storage.OutputFile;
import org.trencadis.storage.StorageException;

/**
 * The commit of one checkpoint: everything is staged and forced first; then, under the container's lock, shards, index
 * and twin get their names in this order. The index's name is the commit point. What fails is taken back.
 */
final class Commit {
    private static final long WRITE_BYTES = 4 << 20;

    private final ContainerFiles files;
    private final WriterLease lease;
    private final IndexName name;
    private final List<Path> published = new ArrayList<>();

    Commit(ContainerFiles files, WriterLease lease, String name) {
        this.files = files;
        this.lease = lease;
        this.name = new IndexName(name, IndexName.FIRST, false);
    }

    /** Refuses a name that has any generation, be it a twin without its index. */
    static void checkFree(ContainerFiles files, String name) throws IOException {
        IndexName.checkName(name);
        List<IndexName> known = files.indexes(name);
        if (!known.isEmpty()) {
            boolean isLost = known.stream().allMatch(IndexName::twin);
            throw new StorageException(
                    files.root(),
                    "already has a checkpoint " + name
                            + (isLost ? ", whose index is lost; `trencadis repair` restores it from its twin" : ""));
        }
    }

    /** Commits {@code catalog}. Its shards that are staged are published with it. */
    void commit(Catalog catalog, List<StoredParts.Shard> shards) throws IOException {
        Path index = stage(catalog, "index");
        Path twin = stage(catalog, "twin");
        try (FileLocks.Held held = files.lock()) {
            checkFree(files, name.name());
            try {
                for (StoredParts.Shard shard : shards) {
                    publishShard(shard);
                }
                checkShards(catalog);
                publish(index, files.index(name));
                publish(twin, files.index(new IndexName(name.name(), name.generation(), true)));
            } catch (IOException | RuntimeException e) {
                takeBack(e);
                throw e;
            }
        }
    }

    private Path stage(Catalog catalog, String fileName) throws IOException {
        files.steps().reach("stage " + fileName);
        Path staged = lease.directory().resolve(fileName);
        try (OutputFile file = OutputFile.create(staged, 0)) {
            write(catalog.image(), file);
        }
        checkReadable(staged, catalog);
        return staged;
    }

    private static void write(IndexImage image, OutputFile file) throws IOException {
        image.seal();
        MemorySegment bytes = image.segment();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment step = arena.allocate(Math.min(WRITE_BYTES, bytes.byteSize()));
            for (long done = 0; done < bytes.byteSize(); done += WRITE_BYTES) {
                long count = Math.min(WRITE_BYTES, bytes.byteSize() - done);
                image.copyTo(step, done, count);
                file.write(step.asSlice(0, count).asByteBuffer(), done);
            }
        }
        file.commit(bytes.byteSize());
    }

    /** Reads the staged index back as any reader will. */
    private static void checkReadable(Path staged, Catalog catalog) throws IOException {
        try (FileCache own = new FileCache();
                FileLease lease = own.lease(staged);
                Catalog written = Catalog.over(IndexImage.open(staged.toString(), lease.segment(), () -> {}))) {
            written.image().checkPages();
            boolean same = written.tensorCount() == catalog.tensorCount()
                    && written.groups().equals(catalog.groups())
                    && written.aliases().equals(catalog.aliases())
                    && written.attachments().equals(catalog.attachments())
                    && written.findings().equals(catalog.findings())
                    && written.facts().equals(catalog.facts());
            if (!same) {
                throw new IOException(staged + ": the index that was written reads back as another one");
            }
        }
    }

    private void publishShard(StoredParts.Shard shard) throws IOException {
        if (shard.staged() == null) {
            return;
        }
        Path target = files.shard(shard.id());
        try {
            publish(shard.staged(), target);
        } catch (FileAlreadyExistsException e) {
            // Another writer stored the same bytes since this shard was finished.
            if (!ShardProof.isSound(target)) {
                throw new StorageException(target, "is damaged, and was published by another writer meanwhile", e);
            }
        }
    }

    private void publish(Path staged, Path target) throws IOException {
        files.steps().reach("publish " + target.getFileName());
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        // From here on the name may be ours, whether or not the call returns normally.
        published.add(target);
        try {
            Directories.publish(staged, target);
        } catch (FileAlreadyExistsException e) {
            published.remove(target);
            throw e;
        }
    }

    private void checkShards(Catalog catalog) throws IOException {
        for (int ordinal = 0; ordinal < catalog.fileCount(); ordinal++) {
            FileEntry entry = catalog.file(ordinal);
            if (!entry.shard()) {
                continue;
            }
            Path shard = files.shard(entry.digest());
            if (!Files.isRegularFile(shard) || Files.size(shard) != entry.sizeBytes()) {
                throw new CatalogException(shard + ": a shard that the checkpoint refers to is gone");
            }
        }
    }

    /** Deletes what this commit published, the index first; the lock is still held, so nobody refers to it. */
    private void takeBack(Exception cause) {
        boolean interrupted = Thread.interrupted();
        for (Path file : published.reversed()) {
            try {
                files.delete(file);
            } catch (IOException e) {
                cause.addSuppressed(e);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
