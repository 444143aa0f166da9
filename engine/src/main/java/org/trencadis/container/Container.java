package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import java.util.function.LongConsumer;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.index.IndexImage;
import org.trencadis.storage.Directories;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.FileLocks;
import org.trencadis.storage.StorageException;

/**
 * A container directory: named checkpoints over content-addressed shards.
 *
 * <p>Reading takes no lock: files never change once they have their names. Writers, also of other processes, exclude each
 * other only while names are given and taken. Safe for several threads.
 */
public final class Container implements AutoCloseable {
    private static final String BASE = "base";

    private final ContainerFiles files;
    /** How this object made the directory a container, or null. */
    private final Creation creation;

    private volatile boolean used;

    private Container(ContainerFiles files, Creation creation) {
        this.files = files;
        this.creation = creation;
    }

    /** Whether {@code directory} is a container, be it damaged. */
    public static boolean isContainer(Path directory) throws IOException {
        try (FileCache own = new FileCache()) {
            return Creation.isContainer(directory, own);
        }
    }

    /** Refuses what cannot be the name of a checkpoint. */
    public static void checkName(String name) throws CatalogException {
        IndexName.checkName(name);
    }

    /** Opens an existing container. */
    public static Container open(Path directory, FileCache cache) throws IOException {
        return open(directory, cache, Steps.NONE, null);
    }

    private static Container open(Path directory, FileCache cache, Steps steps, Creation creation) throws IOException {
        Path format = directory.resolve(FormatFile.NAME);
        if (!Files.exists(format)) {
            throw new StorageException(
                    directory,
                    Creation.isContainer(directory, cache)
                            ? "is a container without its " + FormatFile.NAME + " file: its creation was interrupted,"
                                    + " or the file was lost"
                            : "is no container");
        }
        byte[] uuid = FormatFile.read(format, cache);
        return new Container(new ContainerFiles(directory.toRealPath(), uuid, cache, steps), creation);
    }

    /**
     * Opens a container, or creates one where {@code directory} does not exist, is empty, or was left by a creation that
     * was killed. A created one into which nothing was committed disappears when it is closed.
     */
    public static Container openOrCreate(Path directory, FileCache cache) throws IOException {
        return openOrCreate(directory, cache, Steps.NONE);
    }

    static Container openOrCreate(Path directory, FileCache cache, Steps steps) throws IOException {
        if (Files.exists(directory.resolve(FormatFile.NAME))) {
            return open(directory, cache, steps, null);
        }
        Creation creation = new Creation(directory, steps);
        return open(directory, cache, steps, creation.create() ? creation : null);
    }

    ContainerFiles files() {
        return files;
    }

    public Path directory() {
        return files.root();
    }

    /** Where its shards lie. */
    public Path shardDirectory() {
        return files.shards();
    }

    /** The names of the checkpoints, sorted; without those whose index is lost. */
    public List<String> names() throws IOException {
        return entries().stream()
                .filter(StoredName::hasIndex)
                .map(StoredName::name)
                .toList();
    }

    /** Everything that stands under a name, sorted by name. */
    public List<StoredName> entries() throws IOException {
        TreeMap<String, StoredName> entries = new TreeMap<>();
        for (IndexName index : files.indexes()) {
            StoredName entry = new StoredName(index.name(), index.generation(), !index.twin(), index.twin());
            entries.merge(index.name(), entry, Container::newer);
        }
        return new ArrayList<>(entries.values());
    }

    private static StoredName newer(StoredName a, StoredName b) {
        if (a.generation() != b.generation()) {
            return a.generation() > b.generation() ? a : b;
        }
        return new StoredName(a.name(), a.generation(), a.hasIndex() || b.hasIndex(), a.hasTwin() || b.hasTwin());
    }

    /** The index file of an entry, or its twin; whether or not it is there. */
    public Path indexFile(StoredName entry, boolean twin) {
        return files.index(new IndexName(entry.name(), entry.generation(), twin));
    }

    /** The shard files of the container, those that no checkpoint needs too, sorted by name. */
    public List<Path> shardFiles() throws IOException {
        return files.shardFiles();
    }

    /**
     * A checkpoint ready to be read; the caller closes it.
     *
     * @throws StorageException where there is no such checkpoint, or its index is lost
     */
    public StoredCheckpoint open(String name) throws IOException {
        StoredName entry = find(name);
        if (!entry.hasIndex()) {
            throw new StorageException(
                    indexFile(entry, false),
                    "is lost; its twin is there, and `trencadis repair " + files.root() + "` restores it");
        }
        Catalog catalog = openCatalog(indexFile(entry, false));
        try {
            String base = catalog.findFact(BASE);
            Path baseDirectory = base == null ? null : Path.of(base);
            CheckpointFiles behind = CheckpointFiles.open(catalog, baseDirectory, files.shards(), files.cache());
            return new StoredCheckpoint(name, entry.generation(), catalog, behind);
        } catch (IOException | RuntimeException e) {
            catalog.close();
            throw e;
        }
    }

    private StoredName find(String name) throws IOException {
        for (StoredName entry : entries()) {
            if (entry.name().equals(name)) {
                return entry;
            }
        }
        throw new StorageException(files.root(), "has no checkpoint " + name);
    }

    /** The catalog in an index file or twin; the caller closes it. */
    public Catalog openCatalog(Path index) throws IOException {
        FileLease lease = files.cache().lease(index);
        try {
            return Catalog.over(IndexImage.open(index.toString(), lease.segment(), lease::close));
        } catch (IOException | RuntimeException e) {
            lease.close();
            throw e;
        }
    }

    /**
     * Copies everything that {@code source} reads into this container and commits it under a name.
     *
     * @param progress is told the bytes that each step finished, by several threads
     */
    public ImportReport importCheckpoint(Gatherer source, ImportOptions options, LongConsumer progress)
            throws IOException {
        ImportReport report = new Importer(files, options).run(source, progress);
        used = true;
        return report;
    }

    /**
     * Commits an index over foreign files without any shard.
     *
     * @throws CatalogException where {@code source} has shards of its own
     */
    public void link(Catalog source, String name) throws IOException {
        Commit.checkFree(files, name);
        for (int ordinal = 0; ordinal < source.fileCount(); ordinal++) {
            if (source.file(ordinal).shard()) {
                throw new CatalogException(
                        "a checkpoint of a container cannot be linked, since its shards belong to that"
                                + " container; import it instead");
            }
        }
        if (source.fileCount() > 0 && source.findFact(BASE) == null) {
            throw new CatalogException("a catalog of foreign files says which directory they lie in");
        }
        try (WriterLease lease = WriterLease.begin(files)) {
            new Commit(files, lease, name).commit(source, List.of());
        }
        used = true;
    }

    /** Deletes a checkpoint, its index last; shards stay until gc. */
    public void remove(String name) throws IOException {
        try (FileLocks.Held held = files.lock()) {
            StoredName newest = find(name);
            List<IndexName> known = new ArrayList<>(files.indexes(name));
            known.sort(Comparator.comparingLong(IndexName::generation)
                    .thenComparing(index -> index.generation() == newest.generation() && !index.twin()));
            for (IndexName index : known) {
                files.delete(files.index(index));
            }
            Directories.force(files.checkpoints());
        }
    }

    /** Closes the container. The file cache stays open; checkpoints that are open stay readable. */
    @Override
    public void close() throws IOException {
        if (creation != null && !used) {
            creation.discardUnused(files);
        }
    }
}
