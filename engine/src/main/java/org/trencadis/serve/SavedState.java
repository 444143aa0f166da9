package org.trencadis.serve;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.format.Value;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;

/**
 * What the source's model and optimizer files held beside tensors: client state, schedulers, counters.
 *
 * <p>A value is recorded in the file that had it first, and again in each file where it differs. What differs between
 * model-parallel ranks is kept rank by rank; what differs between data-parallel ranks has no place in a universal
 * checkpoint, and the first rank's is taken.
 */
final class SavedState {
    private static final Pattern MODEL_FILE =
            Pattern.compile("(?:.*/)?(?:zero_pp_rank_(\\d{1,9})_)?mp_rank_(\\d{1,9})_model_states\\.pt");
    private static final Pattern OPTIMIZER_FILE =
            Pattern.compile("(?:.*/)?(?:[a-z0-9]+_)?zero_pp_rank_\\d+_mp_rank_\\d+_?optim_states\\.pt");
    private static final Pattern UNIVERSAL_OPTIMIZER_FILE = Pattern.compile("(?:.*/)?optimizer_state\\.pt");
    /** More model-parallel ranks than any training had. */
    private static final int MAX_RANKS = 1 << 16;

    private static final String OPTIMIZER_PREFIX = "optimizer_state_dict.";

    private final Map<String, Value> model;
    private final TreeMap<Integer, Map<String, Value>> byModelRank;
    private final Map<String, Value> optimizer;
    private final int modelRanks;

    private SavedState(
            Map<String, Value> model,
            TreeMap<Integer, Map<String, Value>> byModelRank,
            Map<String, Value> optimizer,
            int modelRanks) {
        this.model = model;
        this.byModelRank = byModelRank;
        this.optimizer = optimizer;
        this.modelRanks = modelRanks;
    }

    /**
     * Reads the attachments of a catalog.
     *
     * @param notices is told what is left out
     */
    static SavedState read(Catalog catalog, SourceMesh mesh, Consumer<String> notices) throws IOException {
        Map<String, Value> model = new LinkedHashMap<>();
        TreeMap<Integer, Map<String, Value>> byModelRank = new TreeMap<>();
        Map<String, Value> optimizer = new LinkedHashMap<>();
        Set<String> differing = new TreeSet<>();
        for (Attachment attachment : catalog.attachments()) {
            Matcher file = MODEL_FILE.matcher(attachment.scope());
            if (file.matches()) {
                if (model.putIfAbsent(attachment.name(), attachment.value()) == null) {
                    continue;
                }
                if (file.group(1) == null || Integer.parseInt(file.group(1)) == 0) {
                    byModelRank
                            .computeIfAbsent(Integer.parseInt(file.group(2)), key -> new LinkedHashMap<>())
                            .put(attachment.name(), attachment.value());
                } else {
                    differing.add(attachment.name());
                }
                continue;
            }
            String key = findOptimizerKey(attachment);
            if (key != null) {
                optimizer.putIfAbsent(key, attachment.value());
            }
        }
        for (String name : differing) {
            notices.accept(name + ": differs between data-parallel ranks: the first rank's is written");
        }
        long ranks = (long) Math.clamp(mesh.tp(), 1, MAX_RANKS) * Math.clamp(mesh.pp(), 1, MAX_RANKS);
        return new SavedState(model, byModelRank, optimizer, (int) Math.min(ranks, MAX_RANKS));
    }

    /** The name of a value in a universal optimizer file, or null where it is none of the optimizer's. */
    private static String findOptimizerKey(Attachment attachment) {
        boolean isInside = OPTIMIZER_FILE.matcher(attachment.scope()).matches()
                && attachment.name().startsWith(OPTIMIZER_PREFIX);
        if (isInside) {
            return attachment.name().substring(OPTIMIZER_PREFIX.length());
        }
        return UNIVERSAL_OPTIMIZER_FILE.matcher(attachment.scope()).matches() ? attachment.name() : null;
    }

    /** A value of the first model file, or null. */
    Value find(String name) {
        return model.get(name);
    }

    /** How many model files are needed: one, or one for each model-parallel rank where any of them differs. */
    int modelFiles() {
        return byModelRank.isEmpty() ? 1 : Math.max(modelRanks, byModelRank.lastKey() + 1);
    }

    /** The values of the model file of model-parallel rank {@code rank}. */
    Map<String, Value> model(int rank) {
        Map<String, Value> values = new LinkedHashMap<>(model);
        values.putAll(byModelRank.getOrDefault(rank, Map.of()));
        return values;
    }

    /** The values of the first optimizer file. */
    Map<String, Value> optimizer() {
        return optimizer;
    }
}
