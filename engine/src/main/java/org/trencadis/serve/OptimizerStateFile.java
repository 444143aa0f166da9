package org.trencadis.serve;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.layout.UniversalLayout;
import org.trencadis.torch.Emittable;
import org.trencadis.torch.Pickler;

/**
 * {@code zero/optimizer_state.pt}: everything about the optimizer that is not per parameter. Stages 1 and 2 look for
 * {@code param_groups} at the top, stage 3 for groups and steps inside {@code optimizer_state_dict}.
 */
final class OptimizerStateFile {
    /** Written by this class itself, held by the folder in another way, or true of the source's ranks only. */
    private static final Set<String> OWN = Set.of(
            "loss_scaler",
            "zero_stage",
            "param_groups",
            "optimizer_state_dict",
            "base_optimizer_state",
            "single_partition_of_fp32_groups",
            "param_slice_mappings",
            "fp32_flat_groups",
            "ds_zero_partition_groups",
            "universal_checkpoint_info",
            "group_paddings",
            "param_alignment_paddings",
            "partition_count");

    private static final String VERSION = "ds_version";
    /** Loaders of stages 1 and 2 insist on a version; this one's schema is what is written. */
    private static final String SCHEMA_VERSION = "0.19.8";

    private final UniversalLayout layout;
    private final RunGroups groups;
    private final Map<String, Value> values = new LinkedHashMap<>();
    private final Value.Mapping lossScaler;
    private final long sourceStage;

    OptimizerStateFile(
            Catalog catalog,
            SourceMesh mesh,
            UniversalLayout layout,
            RunGroups groups,
            SavedState saved,
            Consumer<String> notices)
            throws IOException {
        this.layout = layout;
        this.groups = groups;
        Value scaler = catalog.facts().find("loss_scaler");
        Value cleanedScaler = scaler == null ? null : Emittable.clean(scaler, "loss scaler", notices);
        this.sourceStage = mesh.zeroStage();
        saved.optimizer().forEach((key, value) -> {
            boolean isKept = !OWN.contains(key) && !key.contains(".");
            Value cleaned = isKept ? Emittable.clean(value, "optimizer state, " + key, notices) : null;
            if (cleaned != null) {
                values.put(key, cleaned);
            }
        });
        if (cleanedScaler instanceof Value.Mapping mapping) {
            this.lossScaler = mapping;
        } else {
            // An optimizer that scales nothing keeps no flag either, and its job is to keep its own scaler.
            this.lossScaler = values.containsKey("dynamic_loss_scale") ? LossScaler.STATIC : null;
        }
        if (!layout.isPartitioned() && !(values.get(VERSION) instanceof Value.Text)) {
            Value version = saved.find(VERSION);
            values.put(VERSION, version instanceof Value.Text ? version : new Value.Text(SCHEMA_VERSION));
        }
    }

    void write(Pickler pickler) throws IOException {
        int count = values.size() + (lossScaler != null ? 1 : 0) + 2 + (layout.isPartitioned() ? 1 : 0);
        pickler.dict(count, () -> {
            if (lossScaler != null) {
                pickler.text("loss_scaler");
                LossScaler.write(pickler, lossScaler);
            }
            for (Map.Entry<String, Value> entry : values.entrySet()) {
                pickler.text(entry.getKey());
                pickler.value(entry.getValue());
            }
            pickler.text("zero_stage");
            pickler.call("deepspeed.runtime.zero.config", "ZeroStageEnum", 1, () -> pickler.integer(stage()));
            if (layout.isPartitioned()) {
                pickler.text("optimizer_state_dict");
                writePartitioned(pickler);
            }
            pickler.text("param_groups");
            groups.writeParamGroups(pickler);
        });
    }

    /** The source's own stage where its files look like the target's. */
    private long stage() {
        if (layout.isPartitioned()) {
            return 3;
        }
        return sourceStage == 1 || sourceStage == 2 ? sourceStage : layout.zeroStage();
    }

    private void writePartitioned(Pickler pickler) throws IOException {
        List<Integer> stepped = new ArrayList<>();
        for (int group = 0; group < groups.groups().size(); group++) {
            if (groups.findStep(group) != null) {
                stepped.add(group);
            }
        }
        pickler.dict(2, () -> {
            pickler.text("state");
            pickler.dict(stepped.size(), () -> {
                for (int group : stepped) {
                    pickler.integer(group);
                    pickler.dict(1, () -> {
                        pickler.text("step");
                        groups.findStep(group).write(pickler);
                    });
                }
            });
            pickler.text("param_groups");
            groups.writeParamGroups(pickler);
        });
    }
}
