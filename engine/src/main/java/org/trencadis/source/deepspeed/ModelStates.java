package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileStamp;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * What a {@code *_model_states.pt} file says about parameters: names and shapes in flat order, the module's tensors,
 * buffers, frozen parameters and second names. Holds no pickle; the file may be closed.
 */
final class ModelStates {
    private final Path file;
    private final FileStamp stamp;
    private final List<Map<String, long[]>> groups;
    private final Map<String, long[]> trained = new HashMap<>();
    private final Map<String, TorchTensor> module;
    private final List<String> notTensors;
    private final Set<String> buffers;
    private final Map<String, long[]> frozenShapes;
    private final Map<String, TorchTensor> frozenFragments;
    private final Map<String, String> aliases;

    private ModelStates(
            TorchFile torch,
            List<Map<String, long[]>> groups,
            Map<String, TorchTensor> module,
            List<String> notTensors,
            Set<String> buffers,
            Map<String, long[]> frozenShapes,
            Map<String, TorchTensor> frozenFragments,
            Map<String, String> aliases) {
        this.file = torch.file();
        this.stamp = torch.stamp();
        this.groups = groups;
        this.module = module;
        this.notTensors = notTensors;
        this.buffers = buffers;
        this.frozenShapes = frozenShapes;
        this.frozenFragments = frozenFragments;
        this.aliases = aliases;
        for (Map<String, long[]> group : groups == null ? List.<Map<String, long[]>>of() : groups) {
            trained.putAll(group);
        }
    }

    /** Reads an open model file. */
    static ModelStates read(TorchFile torch) throws IOException {
        Node root = torch.root();
        if (root.kind() != Kind.DICT || root.find("module") == null) {
            throw new SourceException(
                    torch.file() + " is no file of model states: expected a dictionary with 'module'");
        }
        List<Map<String, long[]>> groups = readGroups(Nodes.findValue(root, "param_shapes"));
        Map<String, TorchTensor> module = new LinkedHashMap<>();
        List<String> notTensors = new ArrayList<>();
        readTensors(Nodes.findValue(root, "module"), module, notTensors);
        Map<String, TorchTensor> fragments = new LinkedHashMap<>();
        readTensors(Nodes.findValue(root, "frozen_param_fragments"), fragments, new ArrayList<>());
        Map<String, String> shared = new LinkedHashMap<>();
        Node sharedNode = Nodes.findValue(root, "shared_params");
        if (sharedNode != null) {
            sharedNode.forEachEntry((alias, stored) -> shared.put(alias.asText(), stored.asText()));
        }
        ModelStates states = new ModelStates(
                torch,
                groups,
                module,
                notTensors,
                new LinkedHashSet<>(Nodes.texts(Nodes.findValue(root, "buffer_names"))),
                Nodes.shapes(Nodes.findValue(root, "frozen_param_shapes")),
                fragments,
                shared);
        states.findAliases();
        return states;
    }

    private static List<Map<String, long[]>> readGroups(Node list) throws IOException {
        if (list == null) {
            return null;
        }
        List<Map<String, long[]>> groups = new ArrayList<>();
        if (list.kind() == Kind.DICT) {
            // Old versions wrote one dictionary where there was one group.
            groups.add(Nodes.shapes(list));
            return groups;
        }
        Set<String> seen = new LinkedHashSet<>();
        for (int i = 0; i < list.size(); i++) {
            Map<String, long[]> group = Nodes.shapes(list.item(i));
            for (String name : group.keySet()) {
                if (!seen.add(name)) {
                    throw new SourceException(list.path() + " names parameter " + name + " in two groups");
                }
            }
            groups.add(group);
        }
        return groups;
    }

    /** The tensors of a state dictionary in its order; names of other values, None left out, go to {@code others}. */
    static void readTensors(Node dict, Map<String, TorchTensor> tensors, List<String> others) throws IOException {
        if (dict == null) {
            return;
        }
        dict.forEachEntry((key, value) -> {
            if (value.kind() == Kind.TENSOR) {
                tensors.put(key.asText(), value.asTensor());
            } else if (!value.isNone()) {
                others.add(key.asText());
            }
        });
    }

    /** Adds names that stand for the memory of a parameter which has another name in the flat order. */
    private void findAliases() {
        aliases.keySet().removeIf(alias -> isParameter(alias) && !isParameter(aliases.get(alias)));
        Map<List<Object>, String> stored = new HashMap<>();
        for (Map.Entry<String, TorchTensor> entry : module.entrySet()) {
            if (isParameter(entry.getKey()) && !aliases.containsKey(entry.getKey())) {
                stored.putIfAbsent(memory(entry.getValue()), entry.getKey());
            }
        }
        for (Map.Entry<String, TorchTensor> entry : module.entrySet()) {
            String name = entry.getKey();
            String target = stored.get(memory(entry.getValue()));
            if (target != null && !isParameter(name) && !buffers.contains(name)) {
                aliases.putIfAbsent(name, target);
            }
        }
    }

    private static List<Object> memory(TorchTensor tensor) {
        List<Object> memory = new ArrayList<>();
        memory.add(tensor.storageKey());
        memory.add(tensor.offsetBytes());
        memory.add(tensor.dtype());
        for (int axis = 0; axis < tensor.shape().length; axis++) {
            memory.add(tensor.shape()[axis]);
            memory.add(tensor.strides()[axis]);
        }
        return memory;
    }

    /** Whether the optimizer owns {@code name}, or it is declared as frozen. */
    private boolean isParameter(String name) {
        return isTrained(name) || frozenShapes.containsKey(name);
    }

    /** Whether the optimizer owns {@code name}. */
    boolean isTrained(String name) {
        return trained.containsKey(name);
    }

    /** The shape under which the optimizer owns {@code name}, or null. */
    long[] trainedShape(String name) {
        return trained.get(name);
    }

    /** The shape that is declared for a trained or frozen parameter, or null. */
    long[] shape(String name) {
        long[] shape = trained.get(name);
        return shape == null ? frozenShapes.get(name) : shape;
    }

    Path file() {
        return file;
    }

    FileStamp stamp() {
        return stamp;
    }

    /** Names and shapes in flat order by optimizer group (ZeRO-3: by sub-group), or null without ZeRO. */
    List<Map<String, long[]>> groups() {
        return groups;
    }

    /** The module's tensors; empty where a pipeline keeps them in files of its layers. */
    Map<String, TorchTensor> module() {
        return module;
    }

    /** Entries of the module that are neither tensors nor None. */
    List<String> notTensors() {
        return notTensors;
    }

    Set<String> buffers() {
        return buffers;
    }

    Map<String, long[]> frozenShapes() {
        return frozenShapes;
    }

    Map<String, TorchTensor> frozenFragments() {
        return frozenFragments;
    }

    /** Second names and the names they stand for. */
    Map<String, String> aliases() {
        return aliases;
    }

    /** Whether the module keeps only an empty tensor where ZeRO-3 holds the parameter in partitions. */
    boolean isPlaceholder(String name, TorchTensor tensor) {
        long[] shape = shape(name);
        return shape != null && Shapes.elements(shape) != 0 && Shapes.elements(tensor.shape()) == 0;
    }
}
