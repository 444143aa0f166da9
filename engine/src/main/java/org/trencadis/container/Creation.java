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

    private Creation() {}

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
     * Makes {@code directory} a container where it is missing, empty or was left by a killed creation.
     *
     * @return whether it was this call that made it one
     * @throws StorageException when something else is in the directory
     */
    static boolean create(Path directory, Steps steps) throws IOException {
        for (int attempt = 1; ; attempt++) {
            checkCreatable(directory);
            try {
                return createOnce(directory, steps);
            } catch (NoSuchFileException e) {
                // Another process discards its own unused container at this moment.
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    private static boolean createOnce(Path directory, Steps steps) throws IOException {
        Path staging = directory.resolve(ContainerFiles.STAGING);
        steps.reach("create " + ContainerFiles.STAGING);
        Directories.create(staging);
        steps.reach("lock for creation");
        try (FileLocks.Held held = FileLocks.lock(staging.resolve(ContainerFiles.LOCK))) {
            Path format = directory.resolve(FormatFile.NAME);
            if (Files.exists(format, LinkOption.NOFOLLOW_LINKS)) {
                return false;
            }
            checkCreatable(directory);
            steps.reach("create " + ContainerFiles.CHECKPOINTS);
            Directories.create(directory.resolve(ContainerFiles.CHECKPOINTS));
            steps.reach("create " + ContainerFiles.SHARDS);
            Directories.create(directory.resolve(ContainerFiles.SHARDS));
            Path staged = staging.resolve(FormatFile.NAME);
            Directories.deleteTree(staged);
            steps.reach("stage " + FormatFile.NAME);
            FormatFile.write(staged);
            steps.reach("publish " + FormatFile.NAME);
            Directories.publish(staged, format);
            return true;
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

    /**
     * Takes back a container that this process created and nobody has put anything in.
     *
     * @param keepRoot whether the directory itself stays, since it was there before
     */
    static void discardUnused(ContainerFiles files, boolean keepRoot) throws IOException {
        try (FileLocks.Held held = files.lock()) {
            WriterLease.sweep(files);
            Path lock = files.staging().resolve(ContainerFiles.LOCK);
            boolean unused = Directories.list(files.checkpoints()).isEmpty()
                    && Directories.list(files.shards()).isEmpty()
                    && Directories.list(files.staging()).equals(List.of(lock));
            if (!unused) {
                return;
            }
            files.delete(files.format());
            for (Path directory : List.of(files.checkpoints(), files.shards(), files.staging())) {
                Directories.deleteTree(directory);
            }
            if (!keepRoot && Directories.list(files.root()).isEmpty()) {
                Directories.deleteTree(files.root());
            }
        }
    }
}
