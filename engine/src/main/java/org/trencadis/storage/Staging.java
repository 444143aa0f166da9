package org.trencadis.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * A place beside a file or directory to be, where it is made before it gets its name. What is not published does not stay,
 * and what a killed process left there is removed by whoever next makes the same.
 *
 * <p>It is a directory {@code .NAME.UUID.partial} with a lock that is held as long as its owner lives. Close it on the
 * thread that began it.
 */
public final class Staging implements AutoCloseable {
    private static final Pattern UUID_FORM =
            Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");

    private static final String SUFFIX = ".partial";
    private static final String LOCK = "lock";
    /** A sweep may take a new directory away before it is locked, but not often. */
    private static final int MAX_ATTEMPTS = 16;

    private final Path target;
    private final Path directory;
    /** Null where the file system knows no locks: then nothing shows that the owner lives, and nobody sweeps. */
    private final FileLocks.Held held;

    private Staging(Path target, Path directory, FileLocks.Held held) {
        this.target = target;
        this.directory = directory;
        this.held = held;
    }

    /** Sweeps what killed processes left for {@code target}, whose directory exists, then makes a place for it. */
    public static Staging beside(Path target) throws IOException {
        Path absolute = target.toAbsolutePath();
        sweep(absolute);
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
            Path directory = absolute.resolveSibling(prefix(absolute) + UUID.randomUUID() + SUFFIX);
            Staging staging = findNew(absolute, directory);
            if (staging != null) {
                return staging;
            }
        }
        throw new StorageException(target, "other processes take away the directories in which it is to be made");
    }

    private static String prefix(Path target) {
        return "." + target.getFileName() + ".";
    }

    private static Staging findNew(Path target, Path directory) throws IOException {
        try {
            Directories.create(directory);
            return findLocked(target, directory);
        } catch (IOException e) {
            // An interrupt, or a device that fails, once the directory is there.
            Directories.deleteTree(directory);
            throw e;
        }
    }

    /** Null where somebody else swept the directory before it was locked. */
    private static Staging findLocked(Path target, Path directory) throws IOException {
        Path lock = directory.resolve(LOCK);
        FileLocks.Held held;
        try {
            held = FileLocks.findFree(lock);
        } catch (NoSuchFileException e) {
            return null;
        } catch (IOException e) {
            return new Staging(target, directory, null);
        }
        if (held != null && Files.exists(lock)) {
            return new Staging(target, directory, held);
        }
        if (held != null) {
            held.close();
        }
        return null;
    }

    private static void sweep(Path target) throws IOException {
        for (Path entry : Directories.list(target.getParent())) {
            if (isPlaceFor(target, entry.getFileName().toString())
                    && Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                sweepOne(entry);
            }
        }
    }

    private static boolean isPlaceFor(Path target, String name) {
        String prefix = prefix(target);
        return name.startsWith(prefix)
                && name.endsWith(SUFFIX)
                && name.length() > prefix.length() + SUFFIX.length()
                && UUID_FORM
                        .matcher(name.substring(prefix.length(), name.length() - SUFFIX.length()))
                        .matches();
    }

    private static void sweepOne(Path directory) {
        try (FileLocks.Held free = FileLocks.findFree(directory.resolve(LOCK))) {
            if (free != null) {
                Directories.deleteTree(directory);
            }
        } catch (IOException e) {
            // Gone meanwhile, not ours to delete, or on a file system without locks: it is nobody's loss but space.
        }
    }

    /** Where to make it: nothing is there yet. */
    public Path path() {
        return directory.resolve(target.getFileName());
    }

    /** Gives the finished file its name, which must be free. */
    public void publishFile() throws IOException {
        Directories.publish(path(), target);
    }

    /** Gives the finished directory its name, which must be free. */
    public void publishDirectory() throws IOException {
        Directories.publishDirectory(path(), target);
    }

    /** Deletes what was not published; works for an interrupted thread too. */
    @Override
    public void close() throws IOException {
        try (held) {
            Directories.deleteTree(directory);
        }
    }
}
