package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;

/**
 * A directory that was taken for a DeepSpeed checkpoint: the folder of its tag, and why.
 *
 * @param tagFolder real path of the folder that holds the rank files, or the {@code zero} folder of a universal checkpoint
 * @param universal whether it is the output of {@code ds_to_universal}
 * @param evidence sentences without paths outside the directory
 */
record DeepSpeedDirectory(Path tagFolder, String tag, boolean universal, RankGrid grid, List<String> evidence) {
    private static final String LATEST = "latest";
    private static final String LATEST_UNIVERSAL = "latest_universal";
    private static final int MAX_TAG_BYTES = 4096;

    /**
     * The checkpoint in {@code directory}: the tag that {@code latest} names, or the directory itself where it is the
     * folder of a tag. Null where nothing speaks for DeepSpeed.
     *
     * @throws SourceException when it is DeepSpeed's but names a tag that is not there, or none
     */
    static DeepSpeedDirectory find(Path directory) throws IOException {
        List<String> evidence = new ArrayList<>();
        DeepSpeedDirectory itself = findTag(directory, evidence);
        if (itself != null) {
            return itself;
        }
        for (String pointer : List.of(LATEST, LATEST_UNIVERSAL)) {
            Path file = directory.resolve(pointer);
            if (Files.isRegularFile(file)) {
                String tag = readTag(file);
                evidence.add(pointer + " names tag " + tag);
                DeepSpeedDirectory found = findTag(tagFolder(directory, file, tag), evidence);
                if (found == null) {
                    throw new SourceException("the folder of tag " + tag + " (named by " + file
                            + ") holds no rank files: expected names such as mp_rank_00_model_states.pt");
                }
                return found;
            }
        }
        checkNoTagsInside(directory);
        return null;
    }

    private static DeepSpeedDirectory findTag(Path folder, List<String> evidence) throws IOException {
        RankGrid grid = RankGrid.list(folder);
        Path zero = folder.resolve("zero");
        boolean universal = !grid.has(RankFile.Kind.OPTIMIZER) && Files.isDirectory(zero) && holdsUniversal(zero);
        if (grid.isEmpty() && !universal) {
            return null;
        }
        if (universal) {
            evidence.add("zero/ holds a folder for each parameter");
        }
        for (RankFile.Kind kind : RankFile.Kind.values()) {
            List<RankFile> files = grid.files(kind);
            if (!files.isEmpty()) {
                evidence.add(files.size() + (files.size() == 1 ? " file" : " files") + " like "
                        + files.getFirst().fileName());
            }
        }
        Path real = folder.toRealPath();
        Path name = real.getFileName();
        return new DeepSpeedDirectory(
                real, name == null ? "" : name.toString(), universal, RankGrid.list(real), List.copyOf(evidence));
    }

    private static boolean holdsUniversal(Path zero) throws IOException {
        if (Files.isRegularFile(zero.resolve("optimizer_state.pt"))) {
            return true;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(zero)) {
            for (Path entry : entries) {
                if (Files.isRegularFile(entry.resolve("fp32.pt"))) {
                    return true;
                }
            }
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
        return false;
    }

    private static String readTag(Path file) throws IOException {
        if (Files.size(file) > MAX_TAG_BYTES) {
            throw new SourceException(
                    file + " names a tag in at most " + MAX_TAG_BYTES + " bytes: it has " + Files.size(file));
        }
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8).strip();
    }

    private static Path tagFolder(Path directory, Path file, String tag) throws SourceException {
        Path folder;
        try {
            folder = directory.resolve(tag).normalize();
        } catch (InvalidPathException e) {
            throw new SourceException(file + " names a tag that cannot be the name of a folder", e);
        }
        if (tag.isEmpty() || !folder.startsWith(directory.normalize()) || folder.equals(directory.normalize())) {
            throw new SourceException(file + " names a folder beside it: it says '" + tag + "'");
        }
        if (!Files.isDirectory(folder)) {
            throw new SourceException(file + " names tag " + tag + ", but there is no folder " + folder);
        }
        return folder;
    }

    /** A save directory whose {@code latest} is gone: the user has to say which tag is meant. */
    private static void checkNoTagsInside(Path directory) throws IOException {
        List<String> tags = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, Files::isDirectory)) {
            for (Path entry : entries) {
                if (Files.isReadable(entry) && findTag(entry, new ArrayList<>()) != null) {
                    tags.add(entry.getFileName().toString());
                }
            }
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
        tags.sort(Comparator.naturalOrder());
        if (!tags.isEmpty()) {
            throw new SourceException("no file 'latest' in " + directory
                    + " says which tag is meant; open one of its folders: " + Nodes.firstOf(tags));
        }
    }
}
