package org.trencadis.source.distcp;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.source.Draft;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.FileStamp;

/** The {@code .distcp} files that items lie in; a bounded number of them is open at a time. */
final class DataFiles implements AutoCloseable {
    private static final int MAX_OPEN = 256;
    private static final Pattern NAME = Pattern.compile("__(\\d{1,9})_\\d+\\.distcp");

    /**
     * One data file.
     *
     * @param number of the file in the catalog
     * @param holders the set of the one rank that wrote it, or -1 where its name does not say
     */
    record DataFile(Path path, FileStamp stamp, int number, int holders) {}

    private final Path folder;
    private final Draft draft;
    private final FileCache cache;
    private final Map<String, DataFile> files = new HashMap<>();
    private final Set<Long> ranks = new TreeSet<>();
    /** Open files, the one that was used last at the end. */
    private final LinkedHashMap<Integer, FileLease> open = new LinkedHashMap<>(64, 0.75f, true);

    private int lastSymbol = -1;
    private Path lastMetadata;
    private DataFile lastFile;
    private FileLease lastLease;
    /** The number of the file that {@link #lastLease} is of. */
    private int lastLeased = -1;

    DataFiles(Path folder, Draft draft, FileCache cache) {
        this.folder = folder;
        this.draft = draft;
        this.cache = cache;
    }

    /** The file whose name has a number among the texts of {@code names}, which are those of {@code metadata}. */
    DataFile file(int symbol, ItemAttributes names, Path metadata) throws IOException {
        if (symbol == lastSymbol && metadata.equals(lastMetadata)) {
            return lastFile;
        }
        String name = names.text(symbol);
        DataFile file = files.get(name);
        if (file == null) {
            file = open(name, metadata);
            files.put(name, file);
        }
        lastSymbol = symbol;
        lastMetadata = metadata;
        lastFile = file;
        return file;
    }

    private DataFile open(String name, Path metadata) throws IOException {
        Path path = resolve(name, metadata);
        try {
            FileStamp stamp = FileStamp.of(path);
            Matcher matcher = NAME.matcher(path.getFileName().toString());
            int holders = -1;
            if (matcher.matches()) {
                long rank = Long.parseLong(matcher.group(1));
                ranks.add(rank);
                holders = draft.builder().addHolders(List.of(rank));
            }
            return new DataFile(path, stamp, draft.file(path, stamp), holders);
        } catch (NoSuchFileException e) {
            throw new SourceException(
                    path + " is missing; " + metadata + " says that it holds a part of the checkpoint", e);
        }
    }

    private Path resolve(String name, Path metadata) throws SourceException {
        try {
            Path path = folder.resolve(name);
            boolean below =
                    !name.isEmpty() && path.normalize().equals(path) && path.startsWith(folder) && !path.equals(folder);
            if (below) {
                return path;
            }
        } catch (InvalidPathException e) {
            throw new SourceException(metadata + " names a data file that cannot be one: " + e.getReason(), e);
        }
        throw new SourceException(metadata + " names the data file '" + name + "', which is not below its folder");
    }

    /** The bytes of a file; valid until another file's are asked for. */
    FileLease lease(DataFile file) throws IOException {
        if (file.number() == lastLeased) {
            return lastLease;
        }
        FileLease lease = open.get(file.number());
        if (lease == null) {
            lease = cache.lease(file.path());
            if (!lease.stamp().equals(file.stamp())) {
                lease.close();
                throw new SourceException(file.path() + " changed while the checkpoint was read");
            }
            // Of each item only its head is read.
            lease.expectScattered(true);
            open.put(file.number(), lease);
            closeOldest();
        }
        lastLeased = file.number();
        lastLease = lease;
        return lease;
    }

    private void closeOldest() {
        if (open.size() > MAX_OPEN) {
            var oldest = open.entrySet().iterator();
            oldest.next().getValue().close();
            oldest.remove();
        }
    }

    FileCache cache() {
        return cache;
    }

    /** The ranks that wrote files with items. */
    Set<Long> ranks() {
        return ranks;
    }

    @Override
    public void close() {
        open.values().forEach(FileLease::close);
        open.clear();
    }
}
