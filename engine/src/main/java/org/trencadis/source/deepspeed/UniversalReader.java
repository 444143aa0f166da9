package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.trencadis.format.Value;
import org.trencadis.layout.Placement;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the output of {@code ds_to_universal}: in {@code zero/} a folder for each parameter with a file for each state. A
 * file holds a tensor, bare or tagged; its shape may be flat or a view, the parameter's own is that of the model files
 * beside. A folder with nothing but {@code fp32.pt}, of a tensor that no optimizer owns, is a cast of the module's tensor,
 * which is read from the model file instead.
 */
final class UniversalReader {
    private static final String SUFFIX = ".pt";
    private static final String STEP = "step";
    private static final String OPTIMIZER_STATE = "optimizer_state.pt";
    private static final Set<String> CONSUMED = Set.of(
            "param_groups",
            "optimizer_state_dict",
            "fp32_flat_groups",
            "group_paddings",
            "param_alignment_paddings",
            "partition_count",
            "ds_zero_partition_groups");

    private final Reading reading;
    private final ModuleReader modules;
    private final Path zero;
    private final boolean withModels;
    /** States by parameter that the optimizer owns. */
    private final Map<String, Set<String>> states = new TreeMap<>();

    private final List<String> castOnly = new ArrayList<>();
    private final List<String> withoutShape = new ArrayList<>();
    private Value.Mapping lossScaler;
    private long stage = -1;

    UniversalReader(Reading reading, ModuleReader modules, Path zero, boolean withModels) {
        this.reading = reading;
        this.modules = modules;
        this.zero = zero;
        this.withModels = withModels;
    }

    /** Reads all folders and the optimizer's own file. */
    void readAll() throws IOException {
        for (Path folder : list(zero)) {
            if (Files.isDirectory(folder)) {
                readParameter(folder);
            }
        }
        readOptimizerState();
        checkComplete();
        writeFindings();
    }

    /** The loss scaler's values, or null. */
    Value.Mapping lossScaler() {
        return lossScaler;
    }

    /** The ZeRO stage of the source, or -1 where the folder does not say it. */
    long stage() {
        return stage;
    }

    private static List<Path> list(Path folder) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder)) {
            stream.forEach(entries::add);
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        entries.sort(java.util.Comparator.comparing(path -> path.getFileName().toString()));
        return entries;
    }

    private void readParameter(Path folder) throws IOException {
        String name = folder.getFileName().toString();
        List<Path> files = list(folder).stream()
                .filter(file -> file.getFileName().toString().endsWith(SUFFIX))
                .toList();
        boolean castOfModule =
                files.size() == 1 && state(files.getFirst()).equals(Reading.MASTER) && findShape(name) == null;
        if (castOfModule) {
            readCast(name, files.getFirst());
            return;
        }
        for (Path file : files) {
            try (TorchFile torch = TorchFile.open(file, reading.cache())) {
                if (state(file).equals(STEP)) {
                    reading.groups().addStep(name, GroupBook.number(torch.root()), reading.relative(torch.file()));
                } else {
                    states.computeIfAbsent(name, key -> new TreeSet<>()).add(state(file));
                    addTensor(name, state(file), torch);
                }
            }
        }
    }

    private static String state(Path file) {
        String name = file.getFileName().toString();
        return name.substring(0, name.length() - SUFFIX.length());
    }

    /** A float32 cast of a tensor that no optimizer owns: only used where no model file holds the tensor itself. */
    private void readCast(String name, Path file) throws IOException {
        if (reading.draft().has(name, Reading.MODEL) || modules.isAlias(name)) {
            return;
        }
        castOnly.add(name);
        try (TorchFile torch = TorchFile.open(file, reading.cache())) {
            addTensor(name, Reading.MODEL, torch);
        }
    }

    private void addTensor(String name, String state, TorchFile torch) throws IOException {
        Node root = torch.root();
        Node param = root.kind() == Kind.DICT ? root.get("param") : root;
        if (param.kind() != Kind.TENSOR) {
            throw new SourceException(torch.file() + " holds no tensor: expected one, or a dictionary with 'param'");
        }
        TorchTensor tensor = param.asTensor();
        long[] shape = findShape(name);
        if (shape == null) {
            shape = tensor.shape();
            boolean viewed = root.kind() != Kind.DICT || root.find("sub_param_shape") != null;
            if (viewed && !withoutShape.contains(name)) {
                withoutShape.add(name);
            }
        }
        if (Shapes.elements(shape) != Shapes.elements(tensor.shape())) {
            throw new SourceException(torch.file() + " holds a tensor of shape " + Shapes.print(tensor.shape())
                    + ", but by the model files parameter " + name + " has shape " + Shapes.print(shape));
        }
        reading.draft()
                .target(name, state, tensor.dtype(), Placement.unique(shape), 0, 0)
                .addShard(tensor, reading.draft().file(torch), -1);
    }

    /** The shape of a parameter that the optimizer owns, with sharded axes made whole, or null. */
    private long[] findShape(String name) throws IOException {
        Parameters parameters = reading.parameters();
        for (int mp = 0;
                withModels && mp < reading.geometry().mp();
                mp += reading.geometry().tp()) {
            if (parameters.model(mp).isTrained(name)) {
                return parameters.shape(mp, name);
            }
        }
        return null;
    }

    private void readOptimizerState() throws IOException {
        Path file = zero.resolve(OPTIMIZER_STATE);
        if (!Files.exists(file)) {
            reading.finding(
                    "no-optimizer-state",
                    "zero/" + OPTIMIZER_STATE + " is missing: hyperparameters and loss scaler are not known");
            addGroupsWithoutSettings();
            return;
        }
        try (TorchFile torch = TorchFile.open(file, reading.cache())) {
            Node root = torch.root();
            Node number = Nodes.findValue(root, "zero_stage");
            stage = number == null ? 1 : Nodes.enumerated(number);
            lossScaler = LossScalers.find(root);
            Node groups = Nodes.findValue(root, "param_groups");
            if (withModels && groups != null) {
                readGroups(groups, Nodes.findValue(root, "optimizer_state_dict"), torch);
                reading.attachments().addAll("universal", "", root, CONSUMED, torch.file());
            } else {
                Set<String> consumed = new HashSet<>(CONSUMED);
                consumed.remove("param_groups");
                reading.attachments().addAll("universal", "", root, consumed, torch.file());
            }
        }
    }

    private void addGroupsWithoutSettings() {
        for (int mp = 0;
                withModels && mp < reading.geometry().mp();
                mp += reading.geometry().tp()) {
            List<Map<String, long[]>> groups = reading.parameters().model(mp).groups();
            for (int group = 0; groups != null && group < groups.size(); group++) {
                reading.groups().addMembers(group, groups.get(group).keySet());
            }
        }
    }

    private void readGroups(Node list, Node inner, TorchFile torch) throws IOException {
        String from = reading.relative(torch.file());
        for (int group = 0; group < list.size(); group++) {
            Node settings = list.item(group);
            reading.groups().addSettings(group, settings, from);
            for (long id : Nodes.longs(settings.get("params"))) {
                Value step = inner == null ? null : findStep(inner, id);
                addMembers(group, (int) id, step, from);
            }
        }
    }

    /** The step of a ZeRO-3 sub-group, which has no file of its own. */
    private static Value findStep(Node inner, long id) throws IOException {
        Node states = Nodes.findValue(inner, "state");
        Node own = states == null ? null : states.find(id);
        Node step = own == null ? null : Nodes.findValue(own, STEP);
        return step == null ? null : GroupBook.number(step);
    }

    private void addMembers(int group, int part, Value step, String from) throws IOException {
        Experts experts = reading.parameters().experts();
        for (int mp = 0; mp < reading.geometry().mp(); mp += reading.geometry().tp()) {
            List<Map<String, long[]>> groups = reading.parameters().model(mp).groups();
            if (groups == null || part < 0 || part >= groups.size()) {
                continue;
            }
            Set<String> names = groups.get(part).keySet();
            reading.groups().addMembers(group, names);
            if (names.stream().anyMatch(experts::isExpert)) {
                reading.groups().setExpert(group);
            }
            for (String name : step == null ? Set.<String>of() : names) {
                reading.groups().addStep(name, step, from);
            }
        }
    }

    /** Checks that every parameter of the model files has its folder, with the states that others of its group have. */
    private void checkComplete() throws SourceException {
        for (int mp = 0;
                withModels && mp < reading.geometry().mp();
                mp += reading.geometry().tp()) {
            List<Map<String, long[]>> groups = reading.parameters().model(mp).groups();
            for (Map<String, long[]> group : groups == null ? List.<Map<String, long[]>>of() : groups) {
                checkGroup(group.keySet());
            }
        }
    }

    private void checkGroup(Set<String> names) throws SourceException {
        Map<String, String> seen = new HashMap<>();
        for (String name : names) {
            if (!states.containsKey(name)) {
                throw new SourceException("no folder for parameter " + name + " in " + zero
                        + ": the model file beside it says that the optimizer owns it");
            }
            states.get(name).forEach(state -> seen.putIfAbsent(state, name));
        }
        seen.putIfAbsent(Reading.MASTER, "every parameter");
        for (String name : names) {
            for (Map.Entry<String, String> state : seen.entrySet()) {
                if (!states.get(name).contains(state.getKey())) {
                    throw new SourceException("no file " + state.getKey() + SUFFIX + " in " + zero.resolve(name)
                            + ": expected as for " + state.getValue());
                }
            }
        }
    }

    private void writeFindings() {
        if (!castOnly.isEmpty()) {
            reading.finding(
                    "casts",
                    "only float32 casts are left of these tensors of the module: no model file beside zero/ holds them: "
                            + Nodes.firstOf(castOnly));
        }
        if (!withoutShape.isEmpty()) {
            reading.finding(
                    "shapes-unknown",
                    "no model file beside zero/ says the shapes of these parameters; they have the shapes of their files: "
                            + Nodes.firstOf(withoutShape));
        }
        if (!withModels) {
            reading.finding(
                    "no-model-files",
                    "no model file beside zero/: optimizer groups do not know their parameters, their hyperparameters are"
                            + " kept as an attachment");
        }
    }
}
