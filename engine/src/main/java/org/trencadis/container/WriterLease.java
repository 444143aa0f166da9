package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.trencadis.storage.Directories;
import org.trencadis.storage.FileLocks;

/**
 * One writer's directory below {@code staging}, and the held file lock that says the writer lives.
 *
 * <p>Leases begin and end under the container's lock, so whoever sweeps sees a lease with its lock held, or one whose
 * writer was killed. To be closed on the thread that began it.
 */
final class WriterLease implements AutoCloseable {
    private static final String LEASE = "lease";
    /** Leases of this process: its own locks must not be tried. */
    private static final Set<Path> OWN = ConcurrentHashMap.newKeySet();

    private final ContainerFiles files;
    private final Path directory;
    private final FileLocks.Held held;

    private WriterLease(ContainerFiles files, Path directory, FileLocks.Held held) {
        this.files = files;
        this.directory = directory;
        this.held = held;
    }

    /** Sweeps what killed writers left, then begins a lease. */
    static WriterLease begin(ContainerFiles files) throws IOException {
        try (FileLocks.Held lock = files.lock()) {
            sweep(files);
            Path directory = files.staging().resolve(UUID.randomUUID().toString());
            files.steps().reach("create lease directory");
            OWN.add(directory);
            FileLocks.Held held = null;
            try {
                Directories.create(directory);
                files.steps().reach("create lease");
                held = FileLocks.lock(directory.resolve(LEASE));
                return new WriterLease(files, directory, held);
            } catch (IOException | RuntimeException e) {
                Directories.deleteTree(directory);
                throw e;
            } finally {
                if (held == null) {
                    OWN.remove(directory);
                }
            }
        }
    }

    /** Deletes everything in {@code staging} that belongs to no living writer. The container's lock must be held. */
    static void sweep(ContainerFiles files) throws IOException {
        for (Path entry : Directories.list(files.staging())) {
            boolean isLock = entry.equals(files.staging().resolve(ContainerFiles.LOCK));
            if (isLock || OWN.contains(entry)) {
                continue;
            }
            if (!Files.isDirectory(entry, LinkOption.NOFOLLOW_LINKS)) {
                Directories.deleteTree(entry);
                continue;
            }
            try (FileLocks.Held free = FileLocks.findFree(entry.resolve(LEASE))) {
                if (free != null) {
                    Directories.deleteTree(entry);
                }
            } catch (NoSuchFileException e) {
                // Gone meanwhile, which is what was wanted.
            }
        }
    }

    /** Where this writer's uncommitted files stand. */
    Path directory() {
        return directory;
    }

    /** Deletes the writer's files and ends the lease; works for an interrupted thread too. */
    @Override
    public void close() throws IOException {
        boolean interrupted = Thread.interrupted();
        try (held) {
            try (FileLocks.Held lock = files.lock()) {
                files.steps().reach("delete lease directory");
                Directories.deleteTree(directory);
            }
        } finally {
            OWN.remove(directory);
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
