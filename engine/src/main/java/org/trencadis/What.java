package org.trencadis;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.trencadis.container.Container;

/**
 * What a command is pointed at: a framework's directory or file, a container, or one checkpoint of it ({@code DIR@NAME}).
 *
 * @param directory the path itself, which may be a file of a framework
 * @param checkpoint name after the {@code @}, or null
 */
record What(Path directory, String checkpoint, boolean isContainer) {
    /** Reads {@code text}; a path that exists is taken as it stands, {@code @} or not. */
    static What parse(String text) throws IOException {
        Path path = path(text);
        if (Files.exists(path)) {
            return new What(path, null, isContainer(path));
        }
        int at = text.lastIndexOf('@');
        if (at > 0) {
            Path container = path(text.substring(0, at));
            if (Files.isDirectory(container)) {
                if (!Container.isContainer(container)) {
                    throw new IOException(container + ": is no container, so it has no checkpoint "
                            + text.substring(at + 1) + "; `trencadis inspect " + container + "` says what it is");
                }
                return new What(container, text.substring(at + 1), true);
            }
        }
        throw new NoSuchFileException(text);
    }

    /** As it is written on a command line. */
    String text() {
        return checkpoint == null ? directory.toString() : directory + "@" + checkpoint;
    }

    private static boolean isContainer(Path path) throws IOException {
        return Files.isDirectory(path) && Container.isContainer(path);
    }

    private static Path path(String text) throws IOException {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new IOException(text + ": is no file name: " + e.getReason());
        }
    }
}
