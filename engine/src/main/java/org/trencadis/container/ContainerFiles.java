package org.trencadis.container;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.trencadis.gather.ShardFile;
import org.trencadis.storage.Directories;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.FileLocks;
import org.trencadis.storage.StorageException;

/**
 * The files of one container, and the lock under which they change.
 *
 * @param root absolute, symbolic links resolved, so that one container has one path in a process
 * @param uuid identity read at open; the directory may since have become another container
 */
record ContainerFiles(Path root, byte[] uuid, FileCache cache, Steps steps) {
    static final String CHECKPOINTS = "checkpoints";
    static final String SHARDS = "shards";
    static final String STAGING = "staging";
    /** Locked while anything is published or deleted; never deleted while the container lives. */
    static final String LOCK = "LOCK";

    Path format() {
        return root.resolve(FormatFile.NAME);
    }

    Path checkpoints() {
        return root.resolve(CHECKPOINTS);
    }

    Path shards() {
        return root.resolve(SHARDS);
    }

    Path staging() {
        return root.resolve(STAGING);
    }

    Path index(IndexName name) {
        return checkpoints().resolve(name.fileName());
    }

    Path shard(byte[] id) {
        return shards().resolve(ShardFile.fileName(id));
    }

    /** Every index and twin, ordered by file name. Other files are none of ours. */
    List<IndexName> indexes() throws IOException {
        List<IndexName> found = new ArrayList<>();
        for (Path file : Directories.list(checkpoints())) {
            IndexName name = IndexName.find(String.valueOf(file.getFileName()));
            if (name != null) {
                found.add(name);
            }
        }
        return found;
    }

    /** The indexes and twins of one checkpoint. */
    List<IndexName> indexes(String name) throws IOException {
        return indexes().stream().filter(index -> index.name().equals(name)).toList();
    }

    /** Shard files, sorted by name. */
    List<Path> shardFiles() throws IOException {
        return Directories.list(shards()).stream()
                .filter(file -> file.toString().endsWith(".shard"))
                .toList();
    }

    /**
     * Waits for the container's lock.
     *
     * @throws StorageException when the directory is no longer the container that was opened
     */
    FileLocks.Held lock() throws IOException {
        if (!Files.isDirectory(staging(), LinkOption.NOFOLLOW_LINKS)) {
            throw gone();
        }
        steps.reach("lock");
        FileLocks.Held held = FileLocks.lock(staging().resolve(LOCK));
        try {
            if (!Files.exists(format()) || !Arrays.equals(FormatFile.read(format(), cache), uuid)) {
                throw gone();
            }
            return held;
        } catch (IOException | RuntimeException e) {
            held.close();
            throw e;
        }
    }

    private StorageException gone() {
        return new StorageException(root, "is no longer the container that was opened");
    }

    /** Deletes a file and makes that durable. What is not there is no error. */
    void delete(Path file) throws IOException {
        steps.reach("delete " + root.relativize(file));
        Directories.deleteTree(file);
        Directories.force(file.getParent());
    }
}
