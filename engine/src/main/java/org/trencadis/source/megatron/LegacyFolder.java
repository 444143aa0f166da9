package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.index.Catalog;
import org.trencadis.source.FoundSource;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceOptions;
import org.trencadis.storage.FileCache;

/**
 * One iteration with a folder for each model-parallel rank: {@code mp_rank_TT}, with the pipeline stage and the
 * expert-parallel rank behind it where there is more than one.
 *
 * @param folder of the iteration
 * @param ranks file of each rank by the numbers in its folder's name
 * @param flats files of flat optimizer states by the file of the rank that wrote them
 */
record LegacyFolder(Path folder, Map<List<Integer>, Path> ranks, Map<Path, Path> flats, List<String> evidence)
        implements FoundSource {
    private static final String FILE = "model_optim_rng.pt";
    private static final Pattern RANK = Pattern.compile("mp_rank_(\\d{2,7})(?:_(\\d{3,7}))?(?:_(\\d{3,7}))?");

    /** The numbers in one folder's name: tensor, then what follows. */
    private static List<Integer> numbers(Matcher matcher) {
        int count = matcher.group(3) != null ? 3 : matcher.group(2) != null ? 2 : 1;
        Integer[] numbers = new Integer[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = Integer.valueOf(matcher.group(i + 1));
        }
        return List.of(numbers);
    }

    /** The iteration in {@code folder}, or null where no rank's folder with its file is there. */
    static LegacyFolder find(Path folder, String because) throws IOException {
        Map<List<Integer>, Path> ranks = new TreeMap<>(LegacyFolder::compare);
        Map<Path, Path> flats = new TreeMap<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, "mp_rank_*")) {
            for (Path entry : entries) {
                Matcher matcher = RANK.matcher(entry.getFileName().toString());
                Path file = entry.resolve(FILE);
                if (matcher.matches() && Files.isRegularFile(file)) {
                    ranks.put(numbers(matcher), file.toRealPath());
                    Path flat = entry.resolve(FlatOptimizer.FILE);
                    if (Files.isRegularFile(flat)) {
                        flats.put(file.toRealPath(), flat.toRealPath());
                    }
                }
            }
        }
        if (ranks.isEmpty()) {
            return null;
        }
        String text = because + ranks.size() + " folders mp_rank_… with " + FILE;
        return new LegacyFolder(folder.toRealPath(), ranks, flats, List.of(text));
    }

    private static int compare(List<Integer> one, List<Integer> other) {
        for (int i = 0; i < Math.min(one.size(), other.size()); i++) {
            if (!one.get(i).equals(other.get(i))) {
                return one.get(i).compareTo(other.get(i));
            }
        }
        return Integer.compare(one.size(), other.size());
    }

    /** The file of any rank. */
    Path first() {
        return ranks.values().iterator().next();
    }

    /** Numbers that each folder's name has: 1 to 3. */
    int depth() throws SourceException {
        int depth = ranks.keySet().iterator().next().size();
        for (Map.Entry<List<Integer>, Path> rank : ranks.entrySet()) {
            if (rank.getKey().size() != depth) {
                throw new SourceException(folder + " holds folders of several saves: " + first().getParent() + " and "
                        + rank.getValue().getParent());
            }
        }
        return depth;
    }

    /** One more than the greatest number at {@code position} of the names. */
    int extent(int position) throws SourceException {
        int extent = 1;
        for (List<Integer> numbers : ranks.keySet()) {
            extent = Math.max(extent, numbers.get(position) + 1);
        }
        if (extent > Nodes.MAX_COUNT) {
            throw new SourceException(folder + " holds a folder of rank " + (extent - 1) + "; at most "
                    + Nodes.MAX_COUNT + " ranks are believed");
        }
        return extent;
    }

    /** The file of a rank. */
    Path file(List<Integer> numbers) throws SourceException {
        Path file = ranks.get(numbers);
        if (file == null) {
            throw new SourceException(folder + " lacks the folder of rank " + numbers
                    + " (tensor, pipeline, expert): the save was not finished, or the copy is not complete");
        }
        return file;
    }

    @Override
    public Catalog read(SourceOptions options, FileCache cache) throws IOException {
        return LegacyReader.read(this, options, cache);
    }
}
