package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.layout.LayoutRules;
import org.trencadis.source.Attachments;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;

/** What the model files of a save say: geometry, parameters, how they are cut, experts; the rest becomes attachments. */
final class ModelFiles {
    /** What the catalog says in another way. */
    private static final Set<String> CONSUMED = Set.of(
            "module",
            "buffer_names",
            "optimizer",
            "param_shapes",
            "frozen_param_shapes",
            "frozen_param_fragments",
            "shared_params");

    private final FileCache cache;
    private final Attachments attachments;
    private final List<ModelStates> states = new ArrayList<>();
    private final List<ParallelRules> rules = new ArrayList<>();
    private Experts experts = Experts.none();
    private String version;
    private Value lossScaler;

    ModelFiles(FileCache cache, Attachments attachments) {
        this.cache = cache;
        this.attachments = attachments;
    }

    /** The geometry of the save, as its first model file and its files' names say it. */
    Geometry readGeometry(DeepSpeedDirectory directory, RankFile.Kind kind) throws IOException {
        RankGrid grid = directory.grid();
        List<RankFile> files = grid.files(kind);
        if (files.isEmpty()) {
            throw new SourceException("no model file in " + directory.tagFolder()
                    + ": expected mp_rank_00_model_states.pt or zero_pp_rank_0_mp_rank_00_model_states.pt");
        }
        try (TorchFile torch = TorchFile.open(files.getFirst().path(), cache)) {
            return Geometry.read(torch.root(), kind, grid);
        }
    }

    /** Reads the file of model-parallel rank {@code mp}; they come in their order. */
    void read(Path file, int mp, Geometry geometry, LayoutRules layout) throws IOException {
        try (TorchFile torch = TorchFile.open(file, cache)) {
            Node root = torch.root();
            states.add(ModelStates.read(torch));
            if (mp % geometry.tp() == 0) {
                rules.add(
                        ParallelRules.read(Nodes.findValue(root, "universal_checkpoint_info"), geometry.tp(), layout));
            }
            if (mp == 0) {
                experts = Experts.read(root);
                version = Nodes.findText(root, "ds_version");
            }
            attach(attachments, torch);
            Node optimizer = Nodes.findValue(root, "optimizer");
            if (mp == 0 && optimizer != null && optimizer.kind() == Kind.DICT) {
                lossScaler = LossScalers.findInline(optimizer);
            }
        }
        if (states.getLast().groups() != null) {
            states.getLast().groups().forEach(group -> experts.learnNames(group.keySet()));
        }
    }

    /** Records what a model file holds beside tensors and what describes them. */
    static void attach(Attachments attachments, TorchFile torch) throws IOException {
        attachments.addAll("model", "", torch.root(), CONSUMED, torch.file());
        Node module = Nodes.findValue(torch.root(), "module");
        if (module != null) {
            module.forEachEntry((name, value) -> {
                if (value.kind() != Kind.TENSOR && !value.isNone()) {
                    attachments.add("module", "module." + name.asText(), value, torch.file());
                }
            });
        }
    }

    /** By model-parallel rank. */
    List<ModelStates> states() {
        return states;
    }

    /** By pipeline stage. */
    List<ParallelRules> rules() {
        return rules;
    }

    Experts experts() {
        return experts;
    }

    /** DeepSpeed's, or null where the files do not say it. */
    String version() {
        return version;
    }

    /** The loss scaler that stands beside the module, or null. */
    Value lossScaler() {
        return lossScaler;
    }
}
