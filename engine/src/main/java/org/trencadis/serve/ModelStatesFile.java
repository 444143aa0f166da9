package org.trencadis.serve;

import java.io.IOException;
import java.util.ArrayList;
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
    /** Written from the catalog, or true of the source's ranks only. */
    private static final Set<String> OWN = Set.of(
            "module",
            "buffer_names",
            "optimizer",
            "param_shapes",
            "frozen_param_shapes",
            "shared_params",
            "frozen_param_fragments",
            "dp_world_size",
            "mp_world_size",
            "checkpoint_parallel_dimensions");

    /** The loader of DeepSpeed reads these without asking whether they are there. */
    private static final Map<String, Value> REQUIRED = Map.of(
            "global_steps", new Value.Int(0),
            "skipped_steps", new Value.Int(0),
            "lr_scheduler", new Value.None());

    private static final String LAYERS = "universal_checkpoint_info.ds_autoep_layers[";

    /** What the loader reads of an expert layer. The rest says which rank of the source held what. */
    private static final Set<String> LAYER_KEYS =
            Set.of("moe_layer_id", "module_path", "expert_key_prefix", "num_experts", "num_local_experts", "ep_size");

    private final Gatherer gatherer;
    private final Catalog catalog;
    private final SourceMesh mesh;
    private final RunGroups groups;
    private final SavedState saved;
    private final Consumer<String> notices;
    private final List<Tensor> module;
    private final Map<String, Tensor> byName = new LinkedHashMap<>();
    private final int files;

    /**
     * Plans the files.
     *
     * @param module tensors of state {@code model}
     */
    ModelStatesFile(
            Gatherer gatherer,
            SourceMesh mesh,
            RunGroups groups,
            SavedState saved,
            List<Tensor> module,
            Consumer<String> notices) {
        this.gatherer = gatherer;
        this.catalog = gatherer.catalog();
        this.mesh = mesh;
        this.groups = groups;
        this.saved = saved;
        this.notices = notices;
        this.module = module;
        module.forEach(tensor -> byName.put(tensor.name(), tensor));
        this.files = saved.modelFiles();
    }

    /** The number of model files. */
    int count() {
        return files;
    }

    /** Bytes of the tensors in the file of model-parallel rank {@code rank}. */
    long payloadBytes(int rank) {
        return rank == 0 ? module.stream().mapToLong(Tensor::bytes).sum() : 0;
    }

    /** What to write as the file of model-parallel rank {@code rank}. */
    UniversalFile.Content content(int rank) throws IOException {
        Map<String, Value> values = cleaned(rank);
        List<String> buffers = names("buffers");
        List<Tensor> tensors = rank == 0 ? moduleOrder(buffers) : List.of();
        List<Map<String, long[]>> shapes = new ArrayList<>();
        for (Group group : groups.groups()) {
            shapes.add(shapes(group.parameters()));
        }
        List<String> frozenNames = names("frozen");
        // From stage 2 on DeepSpeed lists frozen parameters even where there are none.
        Map<String, long[]> frozen = frozenNames.isEmpty() && mesh.zeroStage() < 2 ? null : shapes(frozenNames);
        List<Alias> aliases = catalog.aliases();
        return pickler -> pickler.dict(OWN.size() + values.size(), () -> {
            writeModule(pickler, tensors, tensors.isEmpty() ? List.of() : aliases);
            writeParameters(pickler, buffers, shapes, aliases);
            writeFrozen(pickler, frozen, tensors.isEmpty() ? List.of() : frozenNames);
            writeDegrees(pickler);
            for (Map.Entry<String, Value> entry : values.entrySet()) {
                pickler.text(entry.getKey());
                pickler.value(entry.getValue());
            }
        });
    }

    /** Buffers last, in their own order, which readers take from here. */
    private List<Tensor> moduleOrder(List<String> buffers) {
        Map<String, Tensor> ordered = new LinkedHashMap<>(byName);
        for (String buffer : buffers) {
            Tensor tensor = ordered.remove(buffer);
            if (tensor != null) {
                ordered.put(buffer, tensor);
            }
        }
        return List.copyOf(ordered.values());
    }

    private Map<String, Value> cleaned(int rank) {
        Map<String, Value> values = new LinkedHashMap<>();
        saved.model(rank).forEach((key, value) -> {
            boolean isKept = !OWN.contains(key) && !key.startsWith("module.");
            Consumer<String> heard = rank == 0 ? notices : notice -> {};
            Value cleaned = isKept ? Emittable.clean(value, key, ModelStatesFile::isOfRanks, heard) : null;
            if (cleaned != null) {
                values.put(key, cleaned);
            }
        });
        REQUIRED.forEach(values::putIfAbsent);
        return values;
    }

    /** Whether {@code path} is an entry of an expert layer that is true of the source's ranks only. */
    private static boolean isOfRanks(String path) {
        int end = path.startsWith(LAYERS) ? path.indexOf("].", LAYERS.length()) : -1;
        return end >= 0 && !LAYER_KEYS.contains(path.substring(end + 2));
    }

    /** The ranks of this folder, which has nothing of any data-parallel rank; the loader counts the files. */
    private void writeDegrees(Pickler pickler) throws IOException {
        pickler.text("dp_world_size");
        pickler.integer(1);
        pickler.text("mp_world_size");
        pickler.integer(files);
        pickler.text("checkpoint_parallel_dimensions");
        pickler.dict(2, () -> {
            pickler.text("pp_degree");
            pickler.integer(1);
            pickler.text("tp_degree");
            pickler.integer(files);
        });
    }

    private void writeModule(Pickler pickler, List<Tensor> tensors, List<Alias> aliases) throws IOException {
        List<Alias> known = aliases.stream()
                .filter(alias -> byName.containsKey(alias.target()))
                .toList();
        pickler.text("module");
        pickler.orderedDict(tensors.size() + known.size(), () -> {
            for (Tensor tensor : tensors) {
                writeTensor(pickler, tensor.name(), tensor);
            }
            for (Alias alias : known) {
                writeTensor(pickler, alias.name(), byName.get(alias.target()));
            }
        });
        pickler.text("optimizer");
        pickler.none();
    }

    private void writeTensor(Pickler pickler, String name, Tensor tensor) throws IOException {
        pickler.text(name);
        pickler.tensor(tensor.dtype(), tensor.shape(), new TensorStorage(gatherer, tensor, false));
    }

    private static void writeParameters(
            Pickler pickler, List<String> buffers, List<Map<String, long[]>> shapes, List<Alias> aliases)
            throws IOException {
        pickler.text("buffer_names");
        pickler.list(buffers.size(), () -> buffers.forEach(pickler::text));
        pickler.text("param_shapes");
        pickler.list(shapes.size(), () -> {
            for (Map<String, long[]> group : shapes) {
                writeShapes(pickler, group);
            }
        });
        pickler.text("shared_params");
        pickler.dict(aliases.size(), () -> {
            for (Alias alias : aliases) {
                pickler.text(alias.name());
                pickler.text(alias.target());
            }
        });
    }

    /** Frozen parameters, whole, in the storages of the module. */
    private void writeFrozen(Pickler pickler, Map<String, long[]> shapes, List<String> names) throws IOException {
        pickler.text("frozen_param_shapes");
        if (shapes == null) {
            pickler.none();
        } else {
            writeShapes(pickler, shapes);
        }
        pickler.text("frozen_param_fragments");
        if (shapes == null) {
            pickler.none();
            return;
        }
        List<String> known = names.stream().filter(byName::containsKey).toList();
        pickler.orderedDict(known.size(), () -> {
            for (String name : known) {
                writeTensor(pickler, name, byName.get(name));
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
}
