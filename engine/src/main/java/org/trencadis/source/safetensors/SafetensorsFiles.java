package org.trencadis.source.safetensors;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;

/**
 * The files that make one checkpoint.
 *
 * @param base real path of the directory that holds them
 * @param names files to read, or empty where the index says it
 * @param index file name of the index, or null
 * @param leftOut files of the same kind beside them that are not read
 * @param alone whether one file was asked for, whatever lies beside it
 * @param evidence sentences without paths outside the directory
 */
record SafetensorsFiles(
        Path base, List<String> names, String index, List<String> leftOut, boolean alone, List<String> evidence) {
    static final String SUFFIX = ".safetensors";
    static final String INDEX_SUFFIX = ".safetensors.index.json";
    private static final String SHARDED = "sharded";
    private static final String SINGLE = "model.safetensors";

    /** A rank's shards, as the Hugging Face writer of PyTorch's distributed checkpoint names them. */
    static final Pattern SHARD = Pattern.compile("shard-(\\d{1,9})-model-(\\d{1,9})-of-(\\d{1,9})\\.safetensors");

    private static final Pattern PART = Pattern.compile("(.+)-(\\d{1,9})-of-(\\d{1,9})\\.safetensors");

    /** The checkpoint that {@code path} is, or null where it holds no safetensors file. */
    static SafetensorsFiles find(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return findDirectory(path.toRealPath());
        }
        String name = path.getFileName() == null ? "" : path.getFileName().toString();
        Path base = path.toAbsolutePath().normalize().getParent();
        if (name.endsWith(SUFFIX)) {
            return new SafetensorsFiles(
                    base.toRealPath(), List.of(name), null, List.of(), true, List.of("a file named " + name));
        }
        return name.endsWith(INDEX_SUFFIX) ? ofIndex(base.toRealPath(), name, List.of()) : null;
    }

    /** Whether these files were put together from those of ranks, which are still there. */
    boolean consolidated() {
        return index != null && Files.isDirectory(base.resolve(SHARDED));
    }

    private static SafetensorsFiles of(Path base, String name, List<String> leftOut, String evidence) {
        return new SafetensorsFiles(base, List.of(name), null, leftOut, false, List.of(evidence));
    }

    private static SafetensorsFiles ofIndex(Path base, String index, List<String> others) {
        List<String> evidence = new ArrayList<>();
        evidence.add(index + " says which files hold the tensors");
        if (Files.isDirectory(base.resolve(SHARDED))) {
            evidence.add("the folder sharded/ beside them is not read: it holds what ranks wrote of the same tensors");
        }
        return new SafetensorsFiles(base, List.of(), index, others, false, evidence);
    }

    private static SafetensorsFiles findDirectory(Path base) throws IOException {
        List<String> names = new ArrayList<>();
        List<String> indexes = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(base)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (name.endsWith(SUFFIX)) {
                    names.add(name);
                } else if (name.endsWith(INDEX_SUFFIX)) {
                    indexes.add(name);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        names.sort(null);
        indexes.sort(null);
        return choose(base, names, indexes);
    }

    private static SafetensorsFiles choose(Path base, List<String> names, List<String> indexes) throws SourceException {
        boolean standard = indexes.contains("model" + INDEX_SUFFIX);
        if (standard && names.contains(SINGLE)) {
            throw new SourceException(base + " holds " + SINGLE + " and model" + INDEX_SUFFIX
                    + ": give the one that is meant in place of the directory");
        }
        if (standard || indexes.size() == 1) {
            return ofIndex(base, standard ? "model" + INDEX_SUFFIX : indexes.getFirst(), names);
        }
        if (!indexes.isEmpty()) {
            throw new SourceException(base + " holds several indexes, give the one that is meant in place of the"
                    + " directory: " + Nodes.firstOf(indexes));
        }
        if (names.isEmpty()) {
            return null;
        }
        if (names.contains(SINGLE)) {
            return of(base, SINGLE, without(names, SINGLE), "a file named " + SINGLE);
        }
        if (names.size() == 1) {
            return of(base, names.getFirst(), List.of(), "one file, named " + names.getFirst());
        }
        return ofMany(base, names);
    }

    private static List<String> without(List<String> names, String read) {
        return names.stream().filter(name -> !name.equals(read)).toList();
    }

    private static SafetensorsFiles ofMany(Path base, List<String> names) throws SourceException {
        if (names.stream().allMatch(name -> SHARD.matcher(name).matches())) {
            long ranks = checkComplete(base, names);
            return new SafetensorsFiles(
                    base,
                    names,
                    null,
                    List.of(),
                    false,
                    List.of(names.size() + " files like " + names.getFirst() + ": shards of " + ranks + " ranks"));
        }
        TreeSet<String> prefixes = new TreeSet<>();
        for (String name : names) {
            Matcher part = PART.matcher(name);
            prefixes.add(part.matches() ? part.group(1) + " of " + part.group(3) : name);
        }
        if (prefixes.size() != 1) {
            throw new SourceException(base + " holds several safetensors files and no index says which belong together;"
                    + " give one of them in place of the directory: " + Nodes.firstOf(names));
        }
        Matcher last = PART.matcher(names.getLast());
        if (!last.matches() || names.size() != Integer.parseInt(last.group(3))) {
            throw new SourceException(base + " holds " + names.size() + " files like " + names.getFirst()
                    + ": some of the number in their names are missing");
        }
        return new SafetensorsFiles(
                base, names, null, List.of(), false, List.of(names.size() + " files like " + names.getFirst()));
    }

    /** Checks that no rank's and no model file's number is left out; the number of ranks as far as names show it. */
    private static long checkComplete(Path base, List<String> names) throws SourceException {
        TreeSet<Integer> ranks = new TreeSet<>();
        TreeSet<Integer> parts = new TreeSet<>();
        TreeSet<Integer> totals = new TreeSet<>();
        for (String name : names) {
            Matcher shard = SHARD.matcher(name);
            if (shard.matches()) {
                ranks.add(Integer.parseInt(shard.group(1)));
                parts.add(Integer.parseInt(shard.group(2)));
                totals.add(Integer.parseInt(shard.group(3)));
            }
        }
        boolean complete = totals.size() == 1
                && ranks.first() >= 0
                && ranks.size() == ranks.last() - Math.min(1, ranks.first()) + 1
                && parts.size() == totals.first()
                && parts.first() == 1
                && parts.last().equals(totals.first());
        if (!complete) {
            throw new SourceException(base + " holds shards of ranks " + ranks.first() + " to " + ranks.last()
                    + " and of files " + parts.first() + " to " + parts.last() + " of " + totals.last()
                    + ", but not of all between: some are missing or of another save");
        }
        return ranks.size();
    }
}
