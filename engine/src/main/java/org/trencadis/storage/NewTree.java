package org.trencadis.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;

/**
 * A new directory with many files, which are written by several threads and made durable together. Where the system can,
 * one call forces the whole file system: for thousands of small files far less work than one call for each.
 */
public final class NewTree implements AutoCloseable {
    private final Path root;
    private final Set<Path> folders = new HashSet<>();
    /** Opened before the files are written: the system reports what it could not write since then. */
    private int descriptor;

    private NewTree(Path root, int descriptor) {
        this.root = root;
        this.descriptor = descriptor;
        folders.add(root);
    }

    /** Creates the directory {@code root}. */
    public static NewTree create(Path root) throws IOException {
        Directories.create(root);
        return new NewTree(root, NativeCalls.openForForcing(root));
    }

    /** Creates the folder that {@code path}, relative and with {@code /}, will lie in. For one thread. */
    public void createFolderOf(String path) throws IOException {
        createFolder(root.resolve(path).getParent());
    }

    private void createFolder(Path folder) throws IOException {
        if (folders.add(folder)) {
            createFolder(folder.getParent());
            Files.createDirectory(folder);
        }
    }

    /**
     * Creates the file at {@code path}, whose folder exists. It is to be {@linkplain OutputFile#finish finished}.
     *
     * @param expectedBytes blocks to reserve, 0 for none
     */
    public OutputFile createFile(String path, long expectedBytes) throws IOException {
        return OutputFile.create(root.resolve(path), expectedBytes);
    }

    /** Makes all of it durable. */
    public void force() throws IOException {
        // A failed call does not say why; forcing each file does, and is right in any case.
        if (descriptor < 0 || !NativeCalls.forceFileSystem(descriptor)) {
            force(root);
        }
    }

    private static void force(Path path) throws IOException {
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            for (Path entry : Directories.list(path)) {
                force(entry);
            }
            Directories.force(path);
        } else {
            try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
    }

    @Override
    public void close() {
        if (descriptor >= 0) {
            NativeCalls.close(descriptor);
            descriptor = -1;
        }
    }
}
