package org.trencadis.source.megatron;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.source.SourceException;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.source.distcp.TensorKey;

/**
 * What the keys of sharded tensors are: {@code optimizer.state.exp_avg.KEY} is a state of the model's KEY, everything else
 * its own name. Keys of optimizers that are chained, one for experts, begin with their number.
 */
final class DistNames {
    private static final Pattern STATE = Pattern.compile("(?:chained_\\d+\\.)?optimizer\\.state\\.([^.]+)\\.(.+)");
    private static final Pattern BUCKET =
            Pattern.compile("(?:chained_\\d+\\.)?optimizer\\.distributed\\.dp_group_idx_\\d+\\.gbuf_idx_\\d+\\..*");

    /** Master weights: of the distributed optimizer, of the one that is not. */
    private static final Set<String> MASTERS = Set.of("param", "fp32_param");

    private final Map<String, TensorKey> tensors = new LinkedHashMap<>();
    private final Set<String> parameters = new LinkedHashSet<>();

    /** @throws SourceException when optimizer states lie in buckets */
    DistNames(List<SavedEntry> entries) throws SourceException {
        checkNoBuckets(entries);
        Set<String> names = new HashSet<>();
        entries.stream().filter(SavedEntry::isTensor).forEach(entry -> names.add(entry.name()));
        for (SavedEntry entry : entries) {
            if (entry.isTensor()) {
                Matcher state = STATE.matcher(entry.name());
                // Keys have dots too, so only what belongs to a tensor of the model is a state.
                if (state.matches() && names.contains(state.group(2))) {
                    String name = MASTERS.contains(state.group(1)) ? "fp32" : state.group(1);
                    parameters.add(state.group(2));
                    tensors.put(entry.name(), new TensorKey(state.group(2), name));
                } else {
                    tensors.put(entry.name(), new TensorKey(entry.name(), "model"));
                }
            }
        }
    }

    private static void checkNoBuckets(List<SavedEntry> entries) throws SourceException {
        List<String> buckets = entries.stream()
                .map(SavedEntry::name)
                .filter(name -> BUCKET.matcher(name).matches())
                .toList();
        if (!buckets.isEmpty()) {
            throw new SourceException("the optimizer's states lie in " + buckets.size() + " flat buckets ("
                    + buckets.getFirst() + "), Megatron's form dp_reshardable, and no file records which parameter lies"
                    + " where in them. Load the checkpoint in the job that wrote it, save it once with"
                    + " --dist-ckpt-optim-fully-reshardable, and read that; or save it without the optimizer"
                    + " (--no-save-optim) where only weights are wanted");
        }
    }

    /** The tensors by their key in the save. */
    Map<String, TensorKey> tensors() {
        return tensors;
    }

    /** The parameters that an optimizer has states of, in the order of the save. */
    Set<String> parameters() {
        return parameters;
    }
}
