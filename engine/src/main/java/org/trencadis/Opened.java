package org.trencadis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.trencadis.container.Container;
import org.trencadis.container.StoredCheckpoint;
import org.trencadis.gather.CheckpointFiles;
import org.trencadis.index.Catalog;
import org.trencadis.source.SourceOptions;
import org.trencadis.source.Sources;
import org.trencadis.storage.FileCache;

/**
 * What an open checkpoint is made of, found where it lies: in a container, or in a framework's directory.
 *
 * @param name in its container, or null for a framework's directory
 * @param generation in its container, 0 for a framework's directory
 * @param container where it is stored, or null; closed last but for the cache
 */
record Opened(
        What what,
        String name,
        long generation,
        FileCache cache,
        Catalog catalog,
        CheckpointFiles files,
        Container container)
        implements AutoCloseable {

    /** Opens a checkpoint under the names that were asked for. */
    static Opened open(What what, OpenOptions options) throws IOException {
        FileCache cache = new FileCache();
        try {
            return what.isContainer() ? openStored(what, options, cache) : openSource(what, options, cache);
        } catch (IOException | RuntimeException e) {
            cache.close();
            throw e;
        }
    }

    private static Opened openStored(What what, OpenOptions options, FileCache cache) throws IOException {
        Container container = Container.open(what.directory(), cache);
        try {
            String name = what.checkpoint() != null ? what.checkpoint() : onlyName(what.directory(), container.names());
            StoredCheckpoint stored = viewed(container.open(name), container, what, options, cache);
            return new Opened(
                    what, stored.name(), stored.generation(), cache, stored.catalog(), stored.files(), container);
        } catch (IOException | RuntimeException e) {
            container.close();
            throw e;
        }
    }

    /** The same checkpoint under the names that were asked for. */
    private static StoredCheckpoint viewed(
            StoredCheckpoint stored, Container container, What what, OpenOptions options, FileCache cache)
            throws IOException {
        if (options.names().isNone()) {
            return stored;
        }
        stored.files().close();
        Catalog catalog = Viewing.apply(stored.catalog(), options.names(), what.text());
        try {
            String base = catalog.findFact("base");
            CheckpointFiles files = CheckpointFiles.open(
                    catalog, base == null ? null : Path.of(base), container.shardDirectory(), cache);
            return new StoredCheckpoint(stored.name(), stored.generation(), catalog, files);
        } catch (IOException | RuntimeException e) {
            catalog.close();
            throw e;
        }
    }

    private static String onlyName(Path directory, List<String> names) throws IOException {
        if (names.size() == 1) {
            return names.getFirst();
        }
        if (names.isEmpty()) {
            throw new IOException(
                    directory + ": holds no checkpoint yet; `trencadis import DIR " + directory + "` stores one");
        }
        throw new IOException(directory + ": holds " + names.size() + " checkpoints, say which: "
                + String.join(
                        ", ", names.stream().map(each -> directory + "@" + each).toList()));
    }

    private static Opened openSource(What what, OpenOptions options, FileCache cache) throws IOException {
        SourceOptions how = new SourceOptions(options.sourceName(), options.sourceLayout());
        Catalog catalog = Viewing.apply(Sources.open(what.directory(), how, cache), options.names(), what.text());
        try {
            String base = catalog.findFact("base");
            Path path = base != null ? Path.of(base) : what.directory();
            CheckpointFiles files = CheckpointFiles.open(catalog, path, null, cache);
            return new Opened(what, null, 0, cache, catalog, files, null);
        } catch (IOException | RuntimeException e) {
            catalog.close();
            throw e;
        }
    }

    @Override
    public void close() throws IOException {
        try (cache;
                container;
                catalog) {
            files.close();
        }
    }
}
