package org.trencadis.source.dcp;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.source.Attachments;
import org.trencadis.source.Draft;
import org.trencadis.source.SourceException;
import org.trencadis.source.dcp.StateNames.GroupSetting;
import org.trencadis.source.dcp.StateNames.ParameterSetting;
import org.trencadis.source.distcp.DistSave;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.source.distcp.TensorKey;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/** Reads a save of {@code torch.distributed.checkpoint}: tensors, groups and what else the state dictionary held. */
final class DcpReader {
    /** What is the same for all ranks, in Megatron's saves. */
    private static final String MEGATRON_COMMON = "common.pt";

    private final DcpDirectory directory;
    private final Draft draft;
    private final DistSave save;
    private final StateNames names;
    private final OptimizerValues optimizers;
    private final Attachments attachments;

    private DcpReader(DcpDirectory directory, Draft draft, DistSave save) {
        this.directory = directory;
        this.draft = draft;
        this.save = save;
        this.names = new StateNames(save.entries());
        this.optimizers = new OptimizerValues(names);
        this.attachments = new Attachments(draft);
    }

    /** The proved catalog of the checkpoint in {@code directory}. */
    static Catalog read(DcpDirectory directory, FileCache cache) throws IOException {
        directory.checkRanks();
        try (Draft draft = new Draft(directory.folder())) {
            // The unpickled metadata take the most memory, and are not needed while the catalog is built.
            try (DistSave save = DistSave.open(directory.folder(), directory.metadata(), cache)) {
                new DcpReader(directory, draft, save).read();
            }
            return draft.build(directory.folder().toString());
        } catch (ArithmeticException e) {
            throw new SourceException("numbers in " + directory.folder() + " are too large to be true", e);
        }
    }

    private void read() throws IOException {
        Map<String, TensorKey> tensors = new LinkedHashMap<>(names.tensors());
        for (SavedEntry entry : save.entries()) {
            if (entry.isTensor() && isNumber(entry)) {
                tensors.remove(entry.name());
            }
        }
        save.read(draft, tensors, this::addValue);
        optimizers.groups(settingsInOrder()).write(draft.builder());
        attachments.write();
        writeFacts();
    }

    /** Whether a tensor is a number that the groups say: a step, or a hyperparameter. */
    private boolean isNumber(SavedEntry entry) {
        if (names.findGroupSetting(entry.name()) != null || names.findParameterSetting(entry.name()) != null) {
            return true;
        }
        TensorKey state = names.findState(entry.name());
        return state != null && state.state().equals(StateNames.STEP) && Shapes.elements(entry.shape()) == 1;
    }

    private void addValue(SavedEntry entry, Node value, Path file) throws IOException {
        GroupSetting group = names.findGroupSetting(entry.name());
        ParameterSetting parameter = names.findParameterSetting(entry.name());
        TensorKey state = names.findState(entry.name());
        if (group != null) {
            optimizers.add(group, value);
        } else if (parameter != null) {
            optimizers.add(parameter, value);
        } else if (state != null && state.state().equals(StateNames.STEP) && isNumber(value)) {
            optimizers.addStep(state.name(), value, draft.relative(file));
        } else {
            attachments.add("item", entry.name(), value, file);
        }
    }

    private static boolean isNumber(Node value) {
        return value.kind() == Kind.TENSOR || value.kind() == Kind.INT || value.kind() == Kind.REAL;
    }

    /** Hyperparameters in the order in which the state dictionary has them. */
    private List<String> settingsInOrder() {
        Set<String> keys = new LinkedHashSet<>();
        for (SavedEntry entry : save.entries()) {
            GroupSetting group = names.findGroupSetting(entry.name());
            ParameterSetting parameter = names.findParameterSetting(entry.name());
            if (group != null) {
                keys.add(group.key());
            } else if (parameter != null) {
                keys.add(parameter.key());
            }
        }
        return List.copyOf(keys);
    }

    private void writeFacts() {
        CatalogBuilder builder = draft.builder();
        if (Files.isRegularFile(directory.folder().resolve(MEGATRON_COMMON))) {
            builder.addFinding(
                    "dcp.common",
                    MEGATRON_COMMON
                            + " is not read: Megatron Core writes it, with a metadata.json that is not here; without"
                            + " that tensors are shown as they were saved, layers stacked");
        }
        builder.addFact("source", new Value.Text(DcpSource.NAME));
        builder.addFact("evidence", texts(directory.evidence()));
        builder.addFact("base", new Value.Text(directory.folder().toString()));
        if (directory.tag() != null) {
            builder.addFact("tag", new Value.Text(directory.tag()));
        }
        if (save.version() != null) {
            builder.addFact("framework_version", new Value.Text("metadata " + save.version()));
        }
        builder.addFact(
                "geometry",
                new Value.Mapping(List.of(new Value.Entry(
                        new Value.Text("writers"), new Value.Int(save.ranks().size())))));
        if (names.modelRoot() != null) {
            builder.addFact("model_root", new Value.Text(names.modelRoot()));
        }
        if (!names.optimizers().isEmpty()) {
            builder.addFact("optimizer_roots", texts(List.copyOf(names.optimizers())));
        }
    }

    private static Value texts(List<String> texts) {
        return new Value.Sequence(
                texts.stream().map(text -> (Value) new Value.Text(text)).toList());
    }
}
