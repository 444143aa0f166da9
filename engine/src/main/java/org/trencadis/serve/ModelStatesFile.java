package org.trencadis.serve;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.trencadis.format.Value;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Alias;
import org.trencadis.index.Catalog;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.torch.Emittable;
import org.trencadis.torch.Pickler;

/**
 * The model file of a universal checkpoint: client state, schedulers and counters, which the loader takes from it, and the
 * module's own tensors, whole, which it leaves alone.
 *
 * <p>A job of any tensor-parallel size loads a folder with one such file. There is one for each model-parallel rank only
 * where their client states differ (states of random generators); the tensors are in the first.
 */
final class ModelStatesFile {
    /** Written from the catalog. */
    private static final Set<String> OWN = Set.of(
            "module",
            "buffer_names",
            "optimizer",
            "param_shapes",
            "frozen_param_shapes",
            "shared_params",
            "frozen_param_fragments",
            "mp_world_size",
            "checkpoint_parallel_dimensions");

    /** The loader of DeepSpeed reads these without asking whether they are there. */
    private static final Map<String, Value> REQUIRED = Map.of(
            "global_steps", new Value.Int(0),
            "skipped_steps", new Value.Int(0),
            "dp_world_size", new Value.Int(1),
            "lr_scheduler", new Value.None());

    private final Gatherer gatherer;
    private final Catalog catalog;
    private final RunGroups groups;
    private final SavedState saved;
    private final Consumer<String> notices;
    private final List<Tensor> module;
    private final int files;

    /**
     * Plans the files.
     *
     * @param module tensors of state {@code model}
     */
    ModelStatesFile(
            Gatherer gatherer, RunGroups groups, SavedState saved, List<Tensor> module, Consumer<String> notices) {
        this.gatherer = gatherer;
        this.catalog = gatherer.catalog();
        this.groups = groups;
        this.saved = saved;
        this.notices = notices;
        this.module = module;
        this.files = saved.modelFiles();
    }

    /** The number of model files. */
    int count() {
        return files;
    }

    /** What to write as the file of model-parallel rank {@code rank}. */
    UniversalFile.Content content(int rank) throws IOException {
        Map<String, Value> values = cleaned(rank);
        List<Tensor> tensors = rank == 0 ? module : List.of();
        long degree = files;
        return pickler -> pickler.dict(OWN.size() + values.size(), () -> {
            writeModule(pickler, tensors);
            writeParameters(pickler);
            pickler.text("mp_world_size");
            pickler.integer(degree);
            pickler.text("checkpoint_parallel_dimensions");
            pickler.dict(2, () -> {
                pickler.text("pp_degree");
                pickler.integer(1);
                pickler.text("tp_degree");
                pickler.integer(degree);
            });
            for (Map.Entry<String, Value> entry : values.entrySet()) {
                pickler.text(entry.getKey());
                pickler.value(entry.getValue());
            }
        });
    }

    private Map<String, Value> cleaned(int rank) {
        Map<String, Value> values = new LinkedHashMap<>();
        saved.model(rank).forEach((key, value) -> {
            boolean isKept = !OWN.contains(key) && !key.startsWith("module.");
            Value cleaned = isKept ? Emittable.clean(value, key, rank == 0 ? notices : notice -> {}) : null;
            if (cleaned != null) {
                values.put(key, cleaned);
            }
        });
        REQUIRED.forEach(values::putIfAbsent);
        return values;
    }

    private void writeModule(Pickler pickler, List<Tensor> tensors) throws IOException {
        pickler.text("module");
        pickler.orderedDict(tensors.size(), () -> {
            for (Tensor tensor : tensors) {
                pickler.text(tensor.name());
                pickler.tensor(tensor.dtype(), tensor.shape(), new TensorStorage(gatherer, tensor, false));
            }
        });
        writeTexts(pickler, "buffer_names", names("buffers"));
        pickler.text("optimizer");
        pickler.none();
    }

    private void writeParameters(Pickler pickler) throws IOException {
        pickler.text("param_shapes");
        pickler.list(groups.groups().size(), () -> {
            for (Group group : groups.groups()) {
                writeShapes(pickler, shapes(group.parameters()));
            }
        });
        List<String> frozen = names("frozen");
        pickler.text("frozen_param_shapes");
        if (frozen.isEmpty()) {
            pickler.none();
        } else {
            writeShapes(pickler, shapes(frozen));
        }
        pickler.text("frozen_param_fragments");
        pickler.none();
        List<Alias> aliases = catalog.aliases();
        pickler.text("shared_params");
        pickler.dict(aliases.size(), () -> {
            for (Alias alias : aliases) {
                pickler.text(alias.name());
                pickler.text(alias.target());
            }
        });
    }

    private static void writeShapes(Pickler pickler, Map<String, long[]> shapes) throws IOException {
        pickler.orderedDict(shapes.size(), () -> {
            for (Map.Entry<String, long[]> entry : shapes.entrySet()) {
                pickler.text(entry.getKey());
                pickler.size(entry.getValue());
            }
        });
    }

    private Map<String, long[]> shapes(List<String> names) throws IOException {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        for (String name : names) {
            List<Tensor> tensors = catalog.findTensors(name);
            if (!tensors.isEmpty()) {
                shapes.put(name, shape(tensors));
            }
        }
        return shapes;
    }

    /** The parameter's own shape; a state of the optimizer may have another. */
    private static long[] shape(List<Tensor> tensors) {
        for (Tensor tensor : tensors) {
            if (tensor.state().equals(UniversalTree.MASTER) || tensor.state().equals(UniversalTree.MODEL)) {
                return tensor.shape();
            }
        }
        return tensors.getFirst().shape();
    }

    private List<String> names(String fact) throws IOException {
        ValueTree tree = new ValueTree(catalog.facts());
        return tree.texts(tree.find(tree.root(), fact));
    }

    private static void writeTexts(Pickler pickler, String key, List<String> texts) throws IOException {
        pickler.text(key);
        pickler.list(texts.size(), () -> texts.forEach(pickler::text));
    }
}
