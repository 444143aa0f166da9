package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeSet;
import org.trencadis.source.SourceException;

/** The rank files of a tag folder. A rank that is doubled, missing or foreign is an error that names the file. */
final class RankGrid {
    /** Missing ranks that a message lists. */
    private static final int SHOWN = 5;

    private static final Comparator<RankFile> BY_RANK = Comparator.comparing(RankFile::kind)
            .thenComparingInt(RankFile::mp)
            .thenComparingInt(RankFile::layer)
            .thenComparingInt(RankFile::expert)
            .thenComparingInt(RankFile::dp)
            .thenComparing(RankFile::fileName);

    /** Names that a message lists. */
    private final Path directory;

    private final List<RankFile> files;
    private final List<String> unknown;

    private RankGrid(Path directory, List<RankFile> files, List<String> unknown) {
        this.directory = directory;
        this.files = files;
        this.unknown = unknown;
    }

    /** The rank files in {@code directory}, by rank. */
    static RankGrid list(Path directory) throws IOException {
        List<RankFile> files = new ArrayList<>();
        List<String> unknown = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                RankFile file = RankFile.find(entry);
                if (file != null && !Files.isDirectory(entry)) {
                    files.add(file);
                } else if (entry.getFileName().toString().endsWith(".pt")) {
                    unknown.add(entry.getFileName().toString());
                }
            }
        } catch (java.nio.file.DirectoryIteratorException e) {
            throw e.getCause();
        }
        files.sort(BY_RANK);
        unknown.sort(Comparator.naturalOrder());
        return new RankGrid(directory, files, unknown);
    }

    boolean isEmpty() {
        return files.isEmpty();
    }

    /** Names that end in {@code .pt} and are no rank files; sorted. */
    List<String> unknown() {
        return unknown;
    }

    /** The files of one kind, by rank. */
    List<RankFile> files(RankFile.Kind kind) {
        return files.stream().filter(file -> file.kind() == kind).toList();
    }

    boolean has(RankFile.Kind kind) {
        return files.stream().anyMatch(file -> file.kind() == kind);
    }

    /** The number of model-parallel ranks that names of {@code kind} speak of: one more than the greatest. */
    int mpCount(RankFile.Kind kind) {
        return files(kind).stream().mapToInt(RankFile::mp).max().orElse(-1) + 1;
    }

    /** The number of data-parallel ranks that names of {@code kind} speak of: one more than the greatest. */
    int dpCount(RankFile.Kind kind) {
        return files(kind).stream().mapToInt(RankFile::dp).max().orElse(-1) + 1;
    }

    /** Checks that no two names say the same ranks. */
    void checkNotDoubled() throws SourceException {
        for (int i = 1; i < files.size(); i++) {
            RankFile one = files.get(i - 1);
            RankFile other = files.get(i);
            if (one.isSameRank(other)) {
                throw new SourceException("a rank has one file: " + one.fileName() + " and " + other.fileName() + " in "
                        + directory + " are of the same rank; remove the one that is not of this save");
            }
        }
    }

    /**
     * The files of one kind as a complete grid.
     *
     * @param dp data-parallel ranks, or 1 for kinds that have none in their names
     * @param why where the counts come from, for messages
     * @return by model-parallel rank, then data-parallel rank
     */
    Path[][] complete(RankFile.Kind kind, int dp, int mp, String why) throws SourceException {
        Path[][] grid = new Path[mp][dp];
        List<RankFile> found = files(kind);
        for (RankFile file : found) {
            int rank = Math.max(file.dp(), 0);
            if (file.mp() >= mp || rank >= dp) {
                throw new SourceException("rank file " + file.fileName() + " in " + directory
                        + " is foreign to this checkpoint: " + ranks(dp, mp) + " by " + why
                        + "; it may be left from a save of another size");
            }
            grid[file.mp()][rank] = file.path();
        }
        checkOnePrefix(found);
        String prefix = found.isEmpty() ? "" : found.getFirst().prefix();
        String missing = "";
        int count = 0;
        for (int rank = 0; rank < mp * dp; rank++) {
            if (grid[rank / dp][rank % dp] == null && count++ < SHOWN) {
                missing += (missing.isEmpty() ? "" : ", ") + RankFile.name(kind, prefix, rank % dp, rank / dp);
            }
        }
        if (count > 0) {
            throw new SourceException((count == 1 ? "a rank file is missing in " : "rank files are missing in ")
                    + directory + ": " + missing + (count > SHOWN ? " and " + (count - SHOWN) + " more" : "")
                    + "; expected " + ranks(dp, mp) + " by " + why);
        }
        return grid;
    }

    private void checkOnePrefix(List<RankFile> found) throws SourceException {
        TreeSet<String> prefixes = new TreeSet<>();
        found.forEach(file -> prefixes.add(file.prefix()));
        if (prefixes.size() > 1) {
            RankFile odd = found.stream()
                    .filter(file -> !file.prefix().equals(found.getFirst().prefix()))
                    .findFirst()
                    .orElseThrow();
            throw new SourceException("optimizer files of one save have one prefix: "
                    + found.getFirst().fileName() + " and " + odd.fileName() + " in " + directory
                    + " differ; one is left from another save");
        }
    }

    private static String ranks(int dp, int mp) {
        return "data-parallel ranks 0 to " + (dp - 1) + ", model-parallel ranks 0 to " + (mp - 1);
    }
}
