package org.trencadis.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Makes a tree of many new files durable at once. Where the system can, one call forces the whole file system, which for
 * thousands of small files is far less work than one call for each.
 *
 * <p>Opened before the files are written: the system reports what could not be written since then, and only that.
 */
public final class BatchForce implements AutoCloseable {
    private final Path root;
    private int descriptor;

    private BatchForce(Path root, int descriptor) {
        this.root = root;
        this.descriptor = descriptor;
    }

    /** Prepares for the files that will be written below the directory {@code root}. */
    public static BatchForce open(Path root) {
        return new BatchForce(root, NativeCalls.openForForcing(root));
    }

    /** Makes files and directories below the root durable. When this returns, all of them are. */
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
