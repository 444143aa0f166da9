package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;
import org.trencadis.source.FoundSource;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceReader;

/** Megatron's checkpoints: a save directory whose tracker file names an iteration, or the folder of an iteration. */
public final class MegatronSource implements SourceReader {
    static final String NAME = "megatron";

    private static final String TRACKER = "latest_checkpointed_iteration.txt";
    private static final String RELEASE = "release";
    private static final Pattern ITERATION = Pattern.compile("\\d{1,12}");
    private static final int MAX_TRACKER_BYTES = 1024;

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public FoundSource find(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return null;
        }
        FoundSource found = findIteration(path, "");
        if (found != null || !Files.isRegularFile(path.resolve(TRACKER))) {
            return found;
        }
        String tracked = tracked(path.resolve(TRACKER));
        Path folder = path.resolve(tracked);
        if (!Files.isDirectory(folder)) {
            // Megatron on DeepSpeed writes the tracker beside DeepSpeed's own tags.
            if (Files.isRegularFile(path.resolve("latest"))) {
                return null;
            }
            throw new SourceException(path.resolve(TRACKER) + " names " + tracked + ", which is not there");
        }
        found = findIteration(folder, TRACKER + " names " + tracked + "; ");
        if (found == null) {
            throw new SourceException(folder + " holds no iteration that is known: expected folders mp_rank_00 with"
                    + " model_optim_rng.pt, or metadata.json of torch_dist");
        }
        return found;
    }

    private static String tracked(Path tracker) throws IOException {
        if (Files.size(tracker) > MAX_TRACKER_BYTES) {
            throw new SourceException(tracker + " is no tracker: it has " + Files.size(tracker) + " bytes");
        }
        String text = new String(Files.readAllBytes(tracker), StandardCharsets.ISO_8859_1).strip();
        if (text.equals(RELEASE)) {
            return RELEASE;
        }
        if (!ITERATION.matcher(text).matches()) {
            throw new SourceException(tracker + " holds a number or 'release'; found '" + text + "'");
        }
        return String.format(Locale.ROOT, "iter_%07d", Long.parseLong(text));
    }

    private static FoundSource findIteration(Path folder, String because) throws IOException {
        LegacyFolder ranks = LegacyFolder.find(folder, because);
        FoundSource dist = DistReader.find(folder);
        if (ranks != null && dist != null) {
            throw new SourceException(folder + " holds an iteration in two forms: "
                    + String.join("; ", ranks.evidence()) + " and " + String.join("; ", dist.evidence()));
        }
        return ranks != null ? ranks : dist;
    }
}
