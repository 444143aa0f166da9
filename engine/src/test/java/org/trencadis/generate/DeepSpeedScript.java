package org.trencadis.generate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.trencadis.generate.PickleScript.Call;
import org.trencadis.generate.PickleScript.Global;
import org.trencadis.generate.PickleScript.Tuple;
import org.trencadis.generate.StoredTensor.Storage;

/**
 * Writes the checkpoint directory that DeepSpeed would write for a made-up model under a {@link ParallelLayout}: the files
 * of every rank, cut element by element. Written from the description of the format, so it proves less than real files do;
 * what it adds is the number of shapes and layouts.
 */
public final class DeepSpeedScript {
    private static final String TAG = "global_step7";

    private final List<Parameter> parameters;
    private boolean declared = true;
    private final ParallelLayout layout;
    private final Path directory;
    /** Whether values are left out, for checkpoints of many GiB. */
    private final boolean sparse;

    private DeepSpeedScript(List<Parameter> parameters, ParallelLayout layout, Path root, boolean sparse)
            throws IOException {
        this.parameters = parameters;
        this.layout = layout;
        this.directory = Files.createDirectories(root.resolve(TAG));
        this.sparse = sparse;
        Files.writeString(root.resolve("latest"), TAG);
    }

    static void write(Path root, List<Parameter> parameters, ParallelLayout layout, boolean sparse) throws IOException {
        new DeepSpeedScript(parameters, layout, root, sparse).write();
    }

    /** The same without a declaration of how tensor-parallel shards are joined. */
    static void writeUndeclared(Path root, List<Parameter> parameters, ParallelLayout layout) throws IOException {
        DeepSpeedScript script = new DeepSpeedScript(parameters, layout, root, false);
        script.declared = false;
        script.write();
    }

    private void write() throws IOException {
        for (int stage = 0; stage < layout.pp(); stage++) {
            for (int rank = 0; rank < layout.tp(); rank++) {
                writeModelParallelRank(stage, rank);
            }
        }
    }

    /** Layers are dealt to stages in runs of equal length. */
    private int stageOf(Parameter parameter) {
        int layers = 1 + parameters.stream().mapToInt(Parameter::layer).max().orElseThrow();
        return parameter.layer() * layout.pp() / layers;
    }

    private void writeModelParallelRank(int stage, int rank) throws IOException {
        List<List<Parameter>> groups = List.of(new ArrayList<>(), new ArrayList<>());
        for (Parameter parameter : parameters) {
            if (stageOf(parameter) == stage) {
                groups.get(parameter.group()).add(parameter);
            }
        }
        int number = stage * layout.tp() + rank;
        if (layout.pp() > 1) {
            writeLayers(stage, rank);
        }
        for (int dp = 0; dp < layout.dp(); dp++) {
            if (layout.stage() == 3) {
                writeStage3(groups, dp);
            } else {
                if (dp == 0) {
                    Map<String, Object> module = layout.pp() > 1 ? null : module(groups, rank);
                    writeModel(
                            String.format(Locale.ROOT, "mp_rank_%02d_model_states.pt", number),
                            module,
                            shapes(groups, rank));
                }
                writePartition(groups, number, rank, dp);
            }
        }
    }

    private void writeLayers(int stage, int rank) throws IOException {
        Map<Integer, Map<String, Object>> layers = new LinkedHashMap<>();
        for (Parameter parameter : parameters) {
            if (stageOf(parameter) == stage) {
                String local = parameter.name().substring(parameter.name().indexOf('.') + 1);
                layers.computeIfAbsent(parameter.layer(), layer -> new LinkedHashMap<>())
                        .put(local, weight(parameter, rank));
            }
        }
        for (Map.Entry<Integer, Map<String, Object>> layer : layers.entrySet()) {
            String model = layout.tp() > 1 ? String.format(Locale.ROOT, "-model_%02d", rank) : "";
            write(String.format(Locale.ROOT, "layer_%02d%s-model_states.pt", layer.getKey(), model), layer.getValue());
        }
    }

    private Map<String, Object> module(List<List<Parameter>> groups, int rank) {
        Map<String, Object> module = new LinkedHashMap<>();
        for (List<Parameter> group : groups) {
            group.forEach(parameter -> module.put(parameter.name(), weight(parameter, rank)));
        }
        return module;
    }

    private StoredTensor weight(Parameter parameter, int rank) {
        long[] local = parameter.split().localShape(parameter.shape(), layout.tp(), rank);
        long elements = product(local);
        long[] places = sparse ? null : parameter.split().places(parameter.shape(), layout.tp(), rank);
        Storage storage = storage(
                "BFloat16Storage",
                2,
                elements,
                element -> Parameter.bfloat16(parameter.value("fp32", places[(int) element], rank)));
        return new StoredTensor(storage, 0, local);
    }

    private static long product(long[] shape) {
        long product = 1;
        for (long extent : shape) {
            product *= extent;
        }
        return product;
    }

    private int storages;

    private Storage storage(String storageClass, int elementBytes, long elements, StoredTensor.Bits bits) {
        return new Storage(String.valueOf(storages++), storageClass, elementBytes, elements, sparse ? null : bits);
    }

    private List<Object> shapes(List<List<Parameter>> groups, int rank) {
        List<Object> shapes = new ArrayList<>();
        for (List<Parameter> group : groups) {
            Map<String, Object> names = new LinkedHashMap<>();
            for (Parameter parameter : group) {
                names.put(parameter.name(), size(parameter.split().localShape(parameter.shape(), layout.tp(), rank)));
            }
            shapes.add(names);
        }
        return shapes;
    }

    private static Call size(long[] shape) {
        List<Object> extents = new ArrayList<>();
        for (long extent : shape) {
            extents.add(extent);
        }
        return new Call(new Global("torch", "Size"), Tuple.of(new Tuple(extents)), null);
    }

    private void writeModel(String name, Map<String, Object> module, List<Object> shapes) throws IOException {
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("module", module);
        model.put("buffer_names", List.of());
        model.put("optimizer", null);
        model.put("param_shapes", shapes);
        model.put("frozen_param_shapes", null);
        model.put("shared_params", Map.of());
        model.put("frozen_param_fragments", null);
        model.put("lr_scheduler", null);
        model.put("global_steps", 7);
        model.put("dp_world_size", layout.dp());
        model.put("mp_world_size", layout.pp() * layout.tp());
        model.put("checkpoint_parallel_dimensions", Map.of("pp_degree", layout.pp(), "tp_degree", layout.tp()));
        model.put("ds_config", Map.of("zero_optimization", Map.of("stage", layout.stage())));
        model.put("ds_version", "0.19.8");
        if (declared && (layout.tp() > 1 || layout.pp() > 1)) {
            model.put("universal_checkpoint_info", UniversalInfo.of(parameters));
        }
        write(name, model);
    }

    /** One value of a flat buffer: a parameter and the element of its local tensor. */
    private record Flat(Parameter parameter, long[] places) {}

    private void writePartition(List<List<Parameter>> groups, int number, int rank, int dp) throws IOException {
        List<Object> masters = new ArrayList<>();
        List<Object> paddings = new ArrayList<>();
        List<Object> counts = new ArrayList<>();
        List<Object> mappings = new ArrayList<>();
        Map<Integer, Object> states = new LinkedHashMap<>();
        for (int g = 0; g < groups.size(); g++) {
            List<Parameter> group = groups.get(g);
            List<Flat> flats = new ArrayList<>();
            List<Long> starts = new ArrayList<>();
            long total = 0;
            for (Parameter parameter : group) {
                starts.add(total);
                total += product(parameter.split().localShape(parameter.shape(), layout.tp(), rank));
                flats.add(new Flat(
                        parameter, sparse ? null : parameter.split().places(parameter.shape(), layout.tp(), rank)));
            }
            long alignment = 2L * layout.dp();
            long slot = (total + alignment - 1) / alignment * alignment / layout.dp();
            long from = dp * slot;
            long real = Math.clamp(total - from, 0, slot);
            Map<String, StoredTensor> flat = new LinkedHashMap<>();
            for (String state : Parameter.STATES) {
                Storage storage =
                        storage("FloatStorage", 4, slot, element -> bits(flats, starts, state, from + element, rank));
                flat.put(state, StoredTensor.flat(storage));
            }
            StoredTensor master = flat.get("fp32");
            masters.add(layout.stripped() ? new StoredTensor(master.storage(), 0, new long[] {real}) : master);
            boolean last = dp == layout.dp() - 1;
            paddings.add(layout.stripped() ? slot - real : last ? slot * layout.dp() - total : 0);
            counts.add(layout.dp());
            mappings.add(mapping(group, starts, total, from, slot));
            states.put(g, adam(flat.get("exp_avg"), flat.get("exp_avg_sq")));
        }
        Map<String, Object> optimizer = new LinkedHashMap<>();
        if (layout.stripped()) {
            optimizer.put("zero_stage", zeroStage());
        }
        optimizer.put("base_optimizer_state", optimizerState(states));
        optimizer.put("single_partition_of_fp32_groups", masters);
        optimizer.put("group_paddings", paddings);
        optimizer.put("partition_count", counts);
        optimizer.put("ds_version", "0.19.8");
        optimizer.put("param_slice_mappings", mappings);
        writeOptimizer(
                String.format(Locale.ROOT, "bf16_zero_pp_rank_%d_mp_rank_%02d_optim_states.pt", dp, number), optimizer);
    }

    private static long bits(List<Flat> flats, List<Long> starts, String state, long position, int rank) {
        for (int i = flats.size() - 1; i >= 0; i--) {
            Flat flat = flats.get(i);
            long element = position - starts.get(i);
            if (element >= 0 && element < flat.places().length) {
                return Float.floatToRawIntBits(flat.parameter().value(state, flat.places()[(int) element], rank));
            }
        }
        return Float.floatToRawIntBits(12345.5f);
    }

    private static Map<String, Object> mapping(
            List<Parameter> group, List<Long> starts, long total, long from, long slot) {
        Map<String, Object> mapping = new LinkedHashMap<>();
        for (int i = 0; i < group.size(); i++) {
            long end = i + 1 < group.size() ? starts.get(i + 1) : total;
            long first = Math.max(starts.get(i), from);
            long last = Math.min(end, from + slot);
            if (first < last) {
                Map<String, Object> address = new LinkedHashMap<>();
                address.put("numel", last - first);
                address.put("start", first - from);
                Global type = new Global("deepspeed.utils.tensor_fragment", "fragment_address");
                mapping.put(group.get(i).name(), new Call(type, Tuple.of(), address));
            }
        }
        return mapping;
    }

    private static Call zeroStage(int stage) {
        return new Call(new Global("deepspeed.runtime.zero.config", "ZeroStageEnum"), Tuple.of(stage), null);
    }

    private Call zeroStage() {
        return zeroStage(layout.stage());
    }

    private static Map<String, Object> adam(StoredTensor first, StoredTensor second) {
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("step", 7);
        state.put("exp_avg", first);
        state.put("exp_avg_sq", second);
        return state;
    }

    private static Map<String, Object> optimizerState(Map<Integer, Object> states) {
        List<Object> groups = new ArrayList<>();
        for (int number : states.keySet()) {
            Map<String, Object> group = new LinkedHashMap<>();
            group.put("lr", 0.001 * (number + 1));
            group.put("betas", Tuple.of(0.9, 0.95));
            group.put("weight_decay", number == 0 ? 0.1 : 0.0);
            group.put("params", List.of(number));
            groups.add(group);
        }
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("state", states);
        state.put("param_groups", groups);
        return state;
    }

    private void writeStage3(List<List<Parameter>> groups, int dp) throws IOException {
        List<List<Parameter>> subGroups = subGroups(groups);
        Map<String, Object> module = new LinkedHashMap<>();
        for (Parameter parameter : parameters) {
            module.put(parameter.name(), new StoredTensor(storage("BFloat16Storage", 2, 0, null), 0, new long[] {0}));
        }
        writeModel(
                String.format(Locale.ROOT, "zero_pp_rank_%d_mp_rank_00_model_states.pt", dp),
                module,
                shapes(subGroups, 0));
        List<Object> masters = new ArrayList<>();
        Map<Integer, Object> states = new LinkedHashMap<>();
        for (int number = 0; number < subGroups.size(); number++) {
            List<Parameter> subGroup = subGroups.get(number);
            Map<String, StoredTensor> flat = new LinkedHashMap<>();
            for (String state : Parameter.STATES) {
                flat.put(state, StoredTensor.flat(slots(subGroup, state, dp)));
            }
            masters.add(flat.get("fp32"));
            states.put(number, adam(flat.get("exp_avg"), flat.get("exp_avg_sq")));
        }
        Map<String, Object> optimizer = new LinkedHashMap<>();
        optimizer.put("zero_stage", zeroStage());
        optimizer.put("partition_count", layout.dp());
        optimizer.put("optimizer_state_dict", optimizerState(states));
        optimizer.put("fp32_flat_groups", masters);
        writeOptimizer(String.format(Locale.ROOT, "bf16_zero_pp_rank_%d_mp_rank_00_optim_states.pt", dp), optimizer);
    }

    private List<List<Parameter>> subGroups(List<List<Parameter>> groups) {
        List<List<Parameter>> subGroups = new ArrayList<>();
        for (List<Parameter> group : groups) {
            List<Parameter> subGroup = new ArrayList<>();
            long filled = 0;
            for (Parameter parameter : group) {
                subGroup.add(parameter);
                filled += slot(parameter);
                if (filled >= layout.subGroupElements()) {
                    subGroups.add(subGroup);
                    subGroup = new ArrayList<>();
                    filled = 0;
                }
            }
            if (!subGroup.isEmpty()) {
                subGroups.add(subGroup);
            }
        }
        return subGroups;
    }

    private long slot(Parameter parameter) {
        return (parameter.elements() + layout.dp() - 1) / layout.dp();
    }

    private Storage slots(List<Parameter> subGroup, String state, int dp) {
        long total = subGroup.stream().mapToLong(this::slot).sum();
        return storage("FloatStorage", 4, total, position -> {
            long left = position;
            for (Parameter parameter : subGroup) {
                if (left < slot(parameter)) {
                    long element = dp * slot(parameter) + left;
                    boolean padding = element >= parameter.elements();
                    return Float.floatToRawIntBits(padding ? 12345.5f : parameter.value(state, element, 0));
                }
                left -= slot(parameter);
            }
            throw new AssertionError("position " + position + " is in no slot");
        });
    }

    private void writeOptimizer(String name, Map<String, Object> optimizer) throws IOException {
        Map<String, Object> root = new LinkedHashMap<>();
        root.put("optimizer_state_dict", optimizer);
        root.put("ds_config", Map.of("zero_optimization", Map.of("stage", layout.stage())));
        root.put("ds_version", "0.19.8");
        write(name, root);
    }

    private void write(String name, Object root) throws IOException {
        List<Storage> found = new ArrayList<>();
        collect(root, found);
        TorchScript.write(directory.resolve(name), root, found);
    }

    private static void collect(Object value, List<Storage> found) {
        switch (value) {
            case StoredTensor tensor -> found.add(tensor.storage());
            case List<?> list -> list.forEach(item -> collect(item, found));
            case Map<?, ?> map -> map.values().forEach(item -> collect(item, found));
            case null -> {}
            default -> {}
        }
    }
}
