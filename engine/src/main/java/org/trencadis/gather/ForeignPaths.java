package org.trencadis.gather;

import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.FileEntry;
import org.trencadis.storage.FileStamp;
import org.trencadis.storage.StorageException;

/**
 * Where the foreign files of a catalog lie, and whether they still are what they were when they were catalogued.
 *
 * <p>A path is relative and stays strictly inside the base, symbolic links followed; the fact {@code base_links} (a
 * sequence of absolute directories) allows links to lead into other directories too.
 */
final class ForeignPaths {
    private final Path base;
    private final List<Path> allowed = new ArrayList<>();

    /** {@code base} may be null where a catalog has no foreign files. */
    ForeignPaths(Catalog catalog, Path base) throws IOException {
        this.base = base;
        if (base == null) {
            return;
        }
        try {
            allowed.add(base.toRealPath());
        } catch (NoSuchFileException e) {
            allowed.add(base.toAbsolutePath().normalize());
        }
        if (catalog.facts().find("base_links") instanceof Value.Sequence links) {
            for (Value link : links.items()) {
                if (link instanceof Value.Text directory) {
                    allowed.add(Path.of(directory.value()));
                }
            }
        }
    }

    /**
     * The file of {@code entry}.
     *
     * @throws StorageException when its path leaves the base
     */
    Path resolve(FileEntry entry) throws IOException {
        if (base == null) {
            throw new StorageException(Path.of(entry.path()), "is a foreign file, but the checkpoint has no base");
        }
        Path relative;
        try {
            relative = Path.of(entry.path());
        } catch (InvalidPathException e) {
            throw new StorageException(base, "holds no file of the name that is recorded: " + e.getMessage(), e);
        }
        boolean leaves = relative.isAbsolute() || entry.path().isEmpty();
        for (Path name : relative) {
            leaves |= name.toString().equals("..") || name.toString().equals(".");
        }
        if (leaves) {
            throw new StorageException(relative, "is not a path inside the base " + base);
        }
        return base.resolve(relative);
    }

    /**
     * Checks that {@code file} is inside what is allowed, and what the catalog recorded.
     *
     * @throws StorageException naming the file and what changed
     */
    void check(FileEntry entry, Path file) throws IOException {
        FileStamp now;
        Path real;
        try {
            real = file.toRealPath();
            now = FileStamp.of(file);
        } catch (NoSuchFileException e) {
            throw new StorageException(
                    file, "is missing; the checkpoint points into it: put it back or relink the checkpoint", e);
        }
        if (allowed.stream().noneMatch(real::startsWith)) {
            throw new StorageException(file, "leads to " + real + ", outside the base " + base);
        }
        String change = findChange(entry, now);
        if (change != null) {
            throw new StorageException(
                    file, "changed since the checkpoint was read from it (" + change + "); relink the checkpoint");
        }
    }

    /** What differs from the record, or null. Numbers that the system did not know then are not compared. */
    static String findChange(FileEntry was, FileStamp now) {
        if (was.sizeBytes() != now.sizeBytes()) {
            return "size was " + was.sizeBytes() + " bytes, is " + now.sizeBytes();
        }
        if (was.device() != 0 && was.device() != now.device() || was.inode() != 0 && was.inode() != now.inode()) {
            return "it was replaced: device and inode were " + was.device() + ":" + was.inode() + ", are "
                    + now.device() + ":" + now.inode();
        }
        if (was.mtimeNs() != 0 && was.mtimeNs() != now.mtimeNs()) {
            return "modification time was " + was.mtimeNs() + " ns, is " + now.mtimeNs();
        }
        if (was.ctimeNs() != 0 && was.ctimeNs() != now.ctimeNs()) {
            return "status change time was " + was.ctimeNs() + " ns, is " + now.ctimeNs();
        }
        return null;
    }
}
