package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.trencadis.storage.Directories;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLocks;
import org.trencadis.storage.StorageException;

/**
 * How a directory becomes a container, and stops being one that was never used.
 *
 * <p>The FORMAT file comes last and goes first, both under the container's lock. What a killed creation leaves is empty
 * directories of ours, which the next creation goes on with.
 */
final class Creation {
    private static final Set<String> DIRECTORIES =
            Set.of(ContainerFiles.CHECKPOINTS, ContainerFiles.SHARDS, ContainerFiles.STAGING);
    private static final int ATTEMPTS = 5;

    private final Path directory;
    /** The deepest directory that was there before; it stays whatever happens. */
    private final Path keep;

    private final Steps steps;

    Creation(Path directory, Steps steps) {
        this.directory = directory.toAbsolutePath();
        this.steps = steps;
        Path existing = this.directory;
        while (existing.getParent() != null && !Files.exists(existing, LinkOption.NOFOLLOW_LINKS)) {
            existing = existing.getParent();
        }
        this.keep = existing;
    }

    /** Whether {@code directory} is a container, be it damaged. */
    static boolean isContainer(Path directory, FileCache cache) throws IOException {
        Path format = directory.resolve(FormatFile.NAME);
        boolean hasBody = Files.isDirectory(directory.resolve(ContainerFiles.CHECKPOINTS))
                && Files.isDirectory(directory.resolve(ContainerFiles.STAGING));
        if (!Files.isRegularFile(format)) {
            return hasBody && Files.isDirectory(directory.resolve(ContainerFiles.SHARDS));
        }
        return hasBody || FormatFile.hasMagic(format, cache);
    }

    /**
     * Makes the directory a container where it is missing, empty or was left by a killed creation. A creation that fails
     * is taken back.
     *
     * @return whether it was this call that made it one
     * @throws StorageException when something else is in the directory
     */
    boolean create() throws IOException {
        for (int attempt = 1; ; attempt++) {
            checkCreatable(directory);
            try {
                return createOnce();
            } catch (NoSuchFileException e) {
                // Another process discards its own unused container at this moment.
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    private boolean createOnce() throws IOException {
        Path staging = directory.resolve(ContainerFiles.STAGING);
        try {
            steps.reach("create " + ContainerFiles.STAGING);
            Directories.create(staging);
            steps.reach("lock for creation");
        } catch (IOException | RuntimeException e) {
            deleteEmpty(staging, e);
            throw e;
        }
        try (FileLocks.Held held = FileLocks.lock(staging.resolve(ContainerFiles.LOCK))) {
            if (Files.exists(directory.resolve(FormatFile.NAME), LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
            checkCreatable(directory);
            try {
                fill(staging);
                return true;
            } catch (IOException | RuntimeException e) {
                takeBack(e);
                throw e;
            }
        }
    }

    private void fill(Path staging) throws IOException {
        steps.reach("create " + ContainerFiles.CHECKPOINTS);
        Directories.create(directory.resolve(ContainerFiles.CHECKPOINTS));
        steps.reach("create " + ContainerFiles.SHARDS);
        Directories.create(directory.resolve(ContainerFiles.SHARDS));
        Path staged = staging.resolve(FormatFile.NAME);
        Directories.deleteTree(staged);
        steps.reach("stage " + FormatFile.NAME);
        FormatFile.write(staged);
        steps.reach("publish " + FormatFile.NAME);
        Directories.publish(staged, directory.resolve(FormatFile.NAME));
    }

    private void takeBack(Exception cause) {
        boolean interrupted = Thread.interrupted();
        try {
            delete();
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Deletes the container, in which nothing is; its lock is held. The FORMAT file goes first. */
    private void delete() throws IOException {
        Path staging = directory.resolve(ContainerFiles.STAGING);
        Directories.deleteTree(directory.resolve(FormatFile.NAME));
        Directories.force(directory);
        Directories.deleteTree(staging.resolve(FormatFile.NAME));
        Directories.deleteTree(staging.resolve(ContainerFiles.LOCK));
        Directories.deleteIfEmpty(directory.resolve(ContainerFiles.CHECKPOINTS));
        Directories.deleteIfEmpty(directory.resolve(ContainerFiles.SHARDS));
        deleteEmpty(staging);
    }

    /** Deletes an empty directory and those above it that are empty then, as far as they were not there before. */
    private void deleteEmpty(Path from) throws IOException {
        for (Path empty = from; !empty.equals(keep) && Directories.deleteIfEmpty(empty); empty = empty.getParent()) {
            if (empty.equals(empty.getRoot())) {
                return;
            }
        }
    }

    private void deleteEmpty(Path from, Exception cause) {
        try {
            deleteEmpty(from);
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    private static void checkCreatable(Path directory) throws IOException {
        if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (!Files.isDirectory(directory)) {
            throw new StorageException(directory, "is no directory");
        }
        for (Path entry : Directories.list(directory)) {
            String name = String.valueOf(entry.getFileName());
            boolean ours = DIRECTORIES.contains(name) && Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS);
            if (name.equals(FormatFile.NAME)) {
                return;
            }
            if (!ours) {
                throw new StorageException(directory, "is neither empty nor a container: it holds " + name);
            }
            if (!name.equals(ContainerFiles.STAGING) && !Directories.list(entry).isEmpty()) {
                throw new StorageException(
                        directory,
                        "is a container that lost its " + FormatFile.NAME + " file; " + name + " is not empty");
            }
        }
    }

    /** Takes back the container that was created if nobody has put anything in. Works for an interrupted thread too. */
    void discardUnused(ContainerFiles files) throws IOException {
        boolean interrupted = Thread.interrupted();
        try (FileLocks.Held held = files.lock()) {
            WriterLease.sweep(files);
            Path lock = files.staging().resolve(ContainerFiles.LOCK);
            boolean isUnused = Directories.list(files.checkpoints()).isEmpty()
                    && Directories.list(files.shards()).isEmpty()
                    && Directories.list(files.staging()).equals(List.of(lock));
            if (isUnused) {
                steps.reach("delete " + FormatFile.NAME);
                delete();
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
