package org.trencadis.source.dcp;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.source.SourceException;

/**
 * A folder that {@code torch.distributed.checkpoint} wrote, and its metadata files: one of all ranks, or one for each.
 *
 * @param tag name of the folder below the one that was asked for, or null
 */
record DcpDirectory(Path folder, String tag, List<Path> metadata) {
    private static final String COMMON = ".metadata";
    private static final Pattern RANK = Pattern.compile("__(\\d{1,9})\\.metadata");
    private static final Pattern STEP = Pattern.compile("(?:[A-Za-z_]+[-_=]?)?\\d+");
    /** Megatron writes this beside metadata of the same form. */
    private static final Pattern OTHER = Pattern.compile("\"sharded_backend\"\\s*:\\s*\"torch_dist\"");

    private static final int MAX_JSON_BYTES = 64 * 1024;

    /** The checkpoint at {@code path}, in the only step folder below it, or null. */
    static DcpDirectory find(Path path) throws IOException {
        Path folder = path.toRealPath();
        if (!Files.isDirectory(folder)) {
            boolean named = folder.getFileName() != null
                    && folder.getFileName().toString().equals(COMMON);
            return named && !isOthers(folder.getParent())
                    ? new DcpDirectory(folder.getParent(), null, List.of(folder))
                    : null;
        }
        List<Path> metadata = metadata(folder);
        if (!metadata.isEmpty()) {
            return isOthers(folder) ? null : new DcpDirectory(folder, null, metadata);
        }
        DcpDirectory step = findStep(folder);
        if (step == null && !isOthers(folder)) {
            checkNoData(folder);
        }
        return step;
    }

    /** Metadata are written last: data files without them are a save that was cut short. */
    private static void checkNoData(Path folder) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "__*.distcp")) {
            for (Path file : files) {
                throw new SourceException(folder + " holds " + file.getFileName() + " but no " + COMMON
                        + ": the save was cut short, or its metadata are lost");
            }
        }
    }

    private static DcpDirectory findStep(Path folder) throws IOException {
        List<DcpDirectory> steps = new ArrayList<>();
        try (DirectoryStream<Path> children = Files.newDirectoryStream(folder)) {
            for (Path child : children) {
                String name = child.getFileName().toString();
                if (STEP.matcher(name).matches() && Files.isDirectory(child)) {
                    List<Path> metadata = metadata(child);
                    if (!metadata.isEmpty() && !isOthers(child)) {
                        steps.add(new DcpDirectory(child.toRealPath(), name, metadata));
                    }
                }
            }
        }
        if (steps.size() > 1) {
            throw new SourceException(folder + " holds several checkpoints of torch.distributed.checkpoint, name one: "
                    + String.join(
                            ", ", steps.stream().map(DcpDirectory::tag).sorted().toList()));
        }
        return steps.isEmpty() ? null : steps.getFirst();
    }

    private static List<Path> metadata(Path folder) throws IOException {
        TreeMap<Integer, Path> ranks = new TreeMap<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "__*.metadata")) {
            for (Path file : files) {
                Matcher matcher = RANK.matcher(file.getFileName().toString());
                if (matcher.matches()) {
                    ranks.put(Integer.parseInt(matcher.group(1)), file);
                }
            }
        }
        Path common = folder.resolve(COMMON);
        if (!Files.isRegularFile(common)) {
            return List.copyOf(ranks.values());
        }
        if (!ranks.isEmpty()) {
            throw new SourceException(folder + " holds " + COMMON + " and "
                    + ranks.firstEntry().getValue().getFileName()
                    + ": two saves lie in one folder, and which data files belong to which cannot be told");
        }
        return List.of(common);
    }

    private static boolean isOthers(Path folder) throws IOException {
        Path json = folder.resolve("metadata.json");
        if (!Files.isRegularFile(json) || Files.size(json) > MAX_JSON_BYTES) {
            return false;
        }
        return OTHER.matcher(new String(Files.readAllBytes(json), StandardCharsets.ISO_8859_1))
                .find();
    }

    /** Checks that no rank's metadata are missing between others. */
    void checkRanks() throws SourceException {
        for (int rank = 0; rank < metadata.size(); rank++) {
            String name = metadata.get(rank).getFileName().toString();
            if (metadata.size() > 1 || !name.equals(COMMON)) {
                String wanted = "__" + rank + ".metadata";
                if (!name.equals(wanted)) {
                    throw new SourceException(folder.resolve(wanted) + " is missing; there is " + name);
                }
            }
        }
    }

    List<String> evidence() {
        List<String> evidence = new ArrayList<>();
        if (tag != null) {
            evidence.add("folder " + tag + " is the only step");
        }
        String first = metadata.getFirst().getFileName().toString();
        evidence.add(
                first.equals(COMMON)
                        ? "file .metadata, the metadata of all ranks"
                        : "files __R.metadata of " + metadata.size() + " ranks that saved without collectives");
        return evidence;
    }
}
