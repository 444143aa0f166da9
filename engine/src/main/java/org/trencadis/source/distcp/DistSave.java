package org.trencadis.source.distcp;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.trencadis.source.Draft;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;

/**
 * What {@code torch.distributed.checkpoint} saved into a folder: entries of a state dictionary, cut into chunks, each
 * chunk an item of a data file. The metadata of all ranks stand in one file, or in one for each rank.
 */
public final class DistSave implements AutoCloseable {
    /** Receives what was pickled into items. The node is valid during the call. */
    @FunctionalInterface
    public interface ValueSink {
        /** @param file the data file that holds the item */
        void accept(SavedEntry entry, Node value, Path file) throws IOException;
    }

    private final Path folder;
    private final FileCache cache;
    private final List<DistMetadata> metadata = new ArrayList<>();
    private final List<SavedEntry> entries = new ArrayList<>();
    private final Map<String, SavedEntry> byName = new HashMap<>();
    private final Set<Long> ranks = new TreeSet<>();

    private DistSave(Path folder, FileCache cache) {
        this.folder = folder;
        this.cache = cache;
    }

    /**
     * Reads what the metadata say; no data file is touched.
     *
     * @param files one file with the metadata of all ranks, or one for each rank
     */
    public static DistSave open(Path folder, List<Path> files, FileCache cache) throws IOException {
        DistSave save = new DistSave(folder, cache);
        try {
            for (Path file : files) {
                save.add(DistMetadata.open(file, cache));
            }
            save.order();
            return save;
        } catch (IOException | RuntimeException | Error e) {
            save.close();
            throw e;
        }
    }

    private void add(DistMetadata file) throws IOException {
        metadata.add(file);
        int count = file.entryCount();
        for (int number = 0; number < count; number++) {
            SavedEntry entry = file.entry(number);
            if (byName.putIfAbsent(entry.name(), entry) == null) {
                entries.add(entry);
            }
        }
    }

    /** Puts entries in the order of the state dictionary; metadata list them in the order in which ranks wrote them. */
    private void order() throws IOException {
        Map<String, Integer> places = new HashMap<>();
        for (DistMetadata file : metadata) {
            file.addOrder(places);
        }
        entries.sort(Comparator.comparingInt(entry -> places.getOrDefault(entry.name(), Integer.MAX_VALUE)));
    }

    /** All entries, in the order of the state dictionary. */
    public List<SavedEntry> entries() {
        return entries;
    }

    public SavedEntry find(String name) {
        return byName.get(name);
    }

    /** The version of the metadata's form, or null. */
    public String version() {
        return metadata.getFirst().version();
    }

    /** The ranks that wrote the data files, known after {@link #read}. */
    public Set<Long> ranks() {
        return ranks;
    }

    /**
     * Adds tensors to the catalog and hands out everything else.
     *
     * @param tensors by name in the save; every entry that is not here is given to {@code values}, so it must be small
     */
    public void read(Draft draft, Map<String, TensorKey> tensors, ValueSink values) throws IOException {
        try (DataFiles files = new DataFiles(folder, draft, cache);
                ItemReader reader = new ItemReader(files, draft, tensors, values, metadata.size() > 1)) {
            for (DistMetadata file : metadata) {
                reader.read(file);
            }
            ranks.addAll(files.ranks());
        }
    }

    @Override
    public void close() {
        metadata.forEach(DistMetadata::close);
        metadata.clear();
    }
}
