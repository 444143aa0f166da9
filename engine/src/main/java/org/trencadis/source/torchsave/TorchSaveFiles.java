package org.trencadis.source.torchsave;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
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
 * @param evidence sentences without paths outside the directory
 */
record TorchSaveFiles(Path base, List<String> names, String index, List<String> leftOut, List<String> evidence) {
    private static final String STANDARD = "pytorch_model.bin";
    private static final String INDEX = "pytorch_model.bin.index.json";

    private static final Pattern SAVED = Pattern.compile(".*\\.(pt|pth|bin|ckpt|pth\\.tar|pt\\.tar)");

    /** What Hugging Face's trainer and accelerate write beside the weights: no checkpoint of its own. */
    private static final Pattern BESIDE = Pattern.compile(
            "training_args\\.bin|(optimizer|scheduler|scaler)(_\\d+)?\\.(pt|bin)|rng_state.*\\.pth|random_states_.*");

    /** Files that only another framework's checkpoints have. */
    private static final Pattern FOREIGN = Pattern.compile(
            "\\.metadata|__\\d+\\.metadata|.*\\.distcp|latest|latest_checkpointed_iteration\\.txt|mp_rank_.*|.*_states\\.pt"
                    + "|layer_\\d+-model_.*|model_optim_rng\\.pt|distrib_optim\\.pt|common\\.pt|iter_\\d{7}");

    /** The first bytes of a zip archive, and of the form before 1.6: protocol 2 and a pickled long of ten bytes. */
    private static final List<String> HEADS = List.of("504b0304", "80028a0a6cfc9c46f920");

    private static final List<String> OTHER_ARCHIVES = List.of(".distcp", ".zip", ".npz", ".jar", ".whl");

    /** The checkpoint that {@code path} is, or null where it is none of this kind or of another framework. */
    static TorchSaveFiles find(Path path) throws IOException {
        if (Files.isDirectory(path)) {
            return findDirectory(path.toRealPath());
        }
        Path absolute = path.toAbsolutePath().normalize();
        String name =
                absolute.getFileName() == null ? "" : absolute.getFileName().toString();
        String lower = name.toLowerCase(Locale.ROOT);
        boolean isSaved = SAVED.matcher(lower).matches()
                || OTHER_ARCHIVES.stream().noneMatch(lower::endsWith) && isTorchFile(absolute);
        if (lower.endsWith(".bin.index.json")) {
            return ofIndex(absolute.getParent().toRealPath(), name, List.of());
        }
        return isSaved ? of(absolute.getParent().toRealPath(), name, List.of()) : null;
    }

    private static TorchSaveFiles of(Path base, String name, List<String> leftOut) {
        return new TorchSaveFiles(base, List.of(name), null, leftOut, List.of("a file named " + name));
    }

    private static TorchSaveFiles ofIndex(Path base, String name, List<String> names) {
        return new TorchSaveFiles(base, List.of(), name, names, List.of(name + " says which files hold the tensors"));
    }

    /** Why a directory with files of this kind is no checkpoint; null where it has none, or another framework's. */
    static String findHindrance(Path path) throws IOException {
        List<String> names = Files.isDirectory(path) ? list(path.toRealPath()) : null;
        if (names == null || names.isEmpty()) {
            return null;
        }
        return path + " holds several files of torch.save and no index says which belong together; give one of them in"
                + " place of the directory: " + Nodes.firstOf(names);
    }

    private static TorchSaveFiles findDirectory(Path base) throws IOException {
        List<String> names = list(base);
        return names == null ? null : choose(base, names, Files.exists(base.resolve(INDEX)));
    }

    /** The names of all files of this kind, or null where another framework's files are. */
    private static List<String> list(Path base) throws IOException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(base)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (FOREIGN.matcher(name).matches()) {
                    return null;
                }
                if (SAVED.matcher(name).matches()
                        && !BESIDE.matcher(name).matches()
                        && Files.isRegularFile(entry)
                        && isTorchFile(entry)) {
                    names.add(name);
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        names.sort(null);
        return names;
    }

    private static TorchSaveFiles choose(Path base, List<String> names, boolean hasIndex) throws SourceException {
        boolean standard = names.contains(STANDARD);
        if (hasIndex && standard) {
            throw new SourceException(base + " holds " + STANDARD + " and " + INDEX
                    + ": give the one that is meant in place of the directory");
        }
        if (hasIndex) {
            return ofIndex(base, INDEX, names);
        }
        if (standard) {
            return of(
                    base,
                    STANDARD,
                    names.stream().filter(name -> !name.equals(STANDARD)).toList());
        }
        return names.size() == 1 ? of(base, names.getFirst(), List.of()) : null;
    }

    private static boolean isTorchFile(Path file) throws IOException {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            return false;
        }
        try (InputStream in = Files.newInputStream(file)) {
            String head = HexFormat.of().formatHex(in.readNBytes(16));
            return HEADS.stream().anyMatch(head::startsWith);
        }
    }
}
