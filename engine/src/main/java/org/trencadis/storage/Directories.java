package org.trencadis.storage;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** What is done to directory entries: publication without replacing, forcing, deleting trees. */
public final class Directories {
    private Directories() {}

    /**
     * Gives a finished file its final name. What exists under that name is never replaced.
     *
     * <p>A hard link cannot replace, so the new name is a link, then the old name goes. Both directories are forced.
     *
     * @throws FileAlreadyExistsException when the name is taken
     */
    public static void publish(Path staged, Path target) throws IOException {
        try {
            Files.createLink(target, staged);
        } catch (UnsupportedOperationException e) {
            publishWithoutLinks(staged, target);
            return;
        }
        force(target.getParent());
        Files.delete(staged);
        force(staged.getParent());
    }

    /** Reserves the name, then renames over the reservation, which only this process owns. */
    private static void publishWithoutLinks(Path staged, Path target) throws IOException {
        Files.createFile(target);
        Files.move(staged, target, StandardCopyOption.ATOMIC_MOVE);
        force(target.getParent());
        force(staged.getParent());
    }

    /** Gives a finished directory its final name, which must be free. */
    public static void publishDirectory(Path staged, Path target) throws IOException {
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException(target.toString());
        }
        Files.move(staged, target, StandardCopyOption.ATOMIC_MOVE);
        force(target.toAbsolutePath().getParent());
    }

    /** Creates {@code directory} and its missing parents, and forces each new entry. */
    public static void create(Path directory) throws IOException {
        Path absolute = directory.toAbsolutePath();
        if (Files.isDirectory(absolute)) {
            return;
        }
        create(absolute.getParent());
        try {
            Files.createDirectory(absolute);
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(absolute)) {
                throw e;
            }
        }
        force(absolute.getParent());
    }

    /** Creates one directory whose parent is there, without forcing it: for trees that are forced as a whole later. */
    public static void createUnforced(Path directory) throws IOException {
        Files.createDirectory(directory);
    }

    /** Makes the entries of {@code directory} durable, where the system can. */
    public static void force(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** The entries of a directory, sorted by name; empty where it does not exist. */
    public static List<Path> list(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            stream.forEach(entries::add);
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
        entries.sort(null);
        return entries;
    }

    /**
     * Deletes {@code directory} if nothing is in it.
     *
     * @return whether it is gone; what is no directory stays
     */
    public static boolean deleteIfEmpty(Path directory) throws IOException {
        if (Files.exists(directory, LinkOption.NOFOLLOW_LINKS)
                && !Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            return false;
        }
        try {
            Files.deleteIfExists(directory);
            return true;
        } catch (DirectoryNotEmptyException e) {
            return false;
        }
    }

    /** Deletes {@code root} and what is below it, without following links. What is not there is no error. */
    public static void deleteTree(Path root) throws IOException {
        if (Files.isDirectory(root, LinkOption.NOFOLLOW_LINKS)) {
            for (Path entry : list(root)) {
                deleteTree(entry);
            }
        }
        Files.deleteIfExists(root);
    }
}
