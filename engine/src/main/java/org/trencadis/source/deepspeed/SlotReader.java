package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.layout.Placement;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Dtype;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the files of ZeRO 3: every rank holds its share of each parameter, in slots of the buffers of sub-groups; buffers
 * of the module stand in every rank's model file, frozen parameters in shares.
 */
final class SlotReader {
    private static final String STATES = "optimizer_state_dict";
    private static final Set<String> CONSUMED = Set.of(STATES, "fp32_flat_groups", "ds_zero_partition_groups");

    private final Reading reading;
    private final ModuleReader modules;

    SlotReader(Reading reading, ModuleReader modules) {
        this.reading = reading;
        this.modules = modules;
    }

    /** Reads what one rank wrote: its model file and its optimizer file. */
    void readRank(int mp, int d, Path modelFile, Path optimizerFile) throws IOException {
        Map<String, Integer> expertRanks = readModule(mp, d, modelFile);
        try (TorchFile torch = TorchFile.open(optimizerFile, reading.cache())) {
            readOptimizer(torch, mp, d, expertRanks);
        }
    }

    /** Reads one rank's model file; returns its expert-parallel rank by layer. */
    Map<String, Integer> readModule(int mp, int d, Path modelFile) throws IOException {
        try (TorchFile torch = TorchFile.open(modelFile, reading.cache())) {
            ModelStates states = ModelStates.read(torch);
            checkSameGroups(states, reading.parameters().model(mp));
            addModule(states, mp, d);
            if (d > 0) {
                ModelFiles.attach(reading.attachments(), torch);
            }
            return Experts.readOwnRanks(torch.root());
        }
    }

    private static void checkSameGroups(ModelStates own, ModelStates first) throws SourceException {
        boolean same = own.groups() != null
                && first.groups() != null
                && own.groups().size() == first.groups().size();
        for (int group = 0; same && group < own.groups().size(); group++) {
            Map<String, long[]> one = own.groups().get(group);
            Map<String, long[]> other = first.groups().get(group);
            same = List.copyOf(one.keySet()).equals(List.copyOf(other.keySet()));
            for (String name : same ? one.keySet() : Set.<String>of()) {
                same &= java.util.Arrays.equals(one.get(name), other.get(name));
            }
        }
        if (!same) {
            throw new SourceException("param_shapes of " + own.file() + " differ from those of " + first.file());
        }
    }

    private void addModule(ModelStates states, int mp, int d) throws IOException {
        int file = reading.draft().file(states.file(), states.stamp());
        int holder = reading.holder(mp, d);
        for (Map.Entry<String, TorchTensor> entry : states.module().entrySet()) {
            String name = entry.getKey();
            TorchTensor tensor = entry.getValue();
            if (states.aliases().containsKey(name)) {
                modules.addAlias(name, states.aliases().get(name));
            } else if (!states.isPlaceholder(name, tensor)
                    && !states.frozenShapes().containsKey(name)) {
                modules.note(states, name);
                moduleTarget(name, tensor, mp, d).addShard(tensor, file, holder);
            }
        }
        addFrozen(states, mp, d, file, holder);
    }

    /** A tensor that every data-parallel rank holds whole: a copy for each. */
    private Draft.Target moduleTarget(String name, TorchTensor tensor, int mp, int d) throws IOException {
        int tp = reading.geometry().tp();
        long[][] shapes = new long[tp][];
        for (int t = 0; t < tp; t++) {
            TorchTensor shard = reading.parameters().model(t).module().get(name);
            if (shard == null) {
                throw new SourceException("tensor-parallel ranks hold the same module: "
                        + reading.parameters().model(t).file() + " has no tensor " + name);
            }
            shapes[t] = t == mp ? tensor.shape() : shard.shape();
        }
        Placement placement = reading.parameters().modulePlacement(0, name, shapes);
        return reading.draft().target(name, Reading.MODEL, tensor.dtype(), placement, d, mp);
    }

    private void addFrozen(ModelStates states, int mp, int d, int file, int holder) throws IOException {
        int dp = reading.geometry().dp();
        for (Map.Entry<String, long[]> entry : states.frozenShapes().entrySet()) {
            String name = entry.getKey();
            TorchTensor share = states.frozenFragments().get(name);
            if (share == null) {
                continue;
            }
            modules.noteFrozen(name);
            long size = Shapes.elements(entry.getValue());
            long held = SlotGroup.held(size, d, dp);
            long elements = Shapes.elements(share.shape());
            if (elements != SlotGroup.share(size, dp) && elements != held || !share.isRowMajor()) {
                throw new SourceException(states.file() + ": the share of frozen parameter " + name + " has "
                        + elements + " elements; rank " + d + " of " + dp + " has " + SlotGroup.share(size, dp)
                        + ", or " + held + " without padding");
            }
            reading.draft()
                    .target(
                            name,
                            Reading.MODEL,
                            share.dtype(),
                            reading.parameters().placement(0, name),
                            0,
                            mp)
                    .addWindow(d * SlotGroup.share(size, dp), held, share, 0, file, holder);
        }
    }

    private void readOptimizer(TorchFile torch, int mp, int d, Map<String, Integer> expertRanks) throws IOException {
        Node root = torch.root();
        Node states = root.get(STATES);
        Node masters = states.get("fp32_flat_groups");
        List<Map<String, long[]>> groups = reading.parameters().model(mp).groups();
        if (masters.size() != groups.size()) {
            throw new SourceException(masters.path() + " has " + masters.size() + " sub-groups, param_shapes of "
                    + reading.parameters().model(mp).file() + " has " + groups.size());
        }
        Node inner = states.get(STATES);
        readGroups(inner.get("param_groups"), groups, torch);
        for (int number = 0; number < groups.size(); number++) {
            SubGroup group = new SubGroup(torch, states, mp, d, number, expertRanks);
            group.read(masters.item(number).asTensor(), inner.get("state").find((long) number));
        }
        reading.attachments().addAll("optimizer", STATES, states, CONSUMED, torch.file());
        reading.attachments().addAll("optimizer", "", root, Set.of(STATES), torch.file());
    }

    /** The optimizer's groups: each is a list of sub-groups. */
    private void readGroups(Node list, List<Map<String, long[]>> subGroups, TorchFile torch) throws IOException {
        Experts experts = reading.parameters().experts();
        for (int group = 0; group < list.size(); group++) {
            reading.groups().addSettings(group, list.item(group), reading.relative(torch.file()));
            for (long number : Nodes.longs(list.item(group).get("params"))) {
                if (number < 0 || number >= subGroups.size()) {
                    throw new SourceException(
                            list.item(group).path() + " has sub-group " + number + " of " + subGroups.size());
                }
                Map<String, long[]> names = subGroups.get((int) number);
                reading.groups().addMembers(group, names.keySet());
                if (names.keySet().stream().anyMatch(experts::isExpert)) {
                    reading.groups().setExpert(group);
                }
            }
        }
    }

    /** One sub-group in one file. */
    private final class SubGroup {
        private final TorchFile torch;
        private final int mp;
        private final int number;
        private final Map<String, Integer> expertRanks;
        private final List<String> names;
        private final int partition;
        private final SlotGroup slots;
        private final int file;
        private final int holder;

        SubGroup(TorchFile torch, Node states, int mp, int d, int number, Map<String, Integer> expertRanks)
                throws IOException {
            this.torch = torch;
            this.mp = mp;
            this.number = number;
            this.expertRanks = expertRanks;
            Map<String, long[]> shapes = reading.parameters().model(mp).groups().get(number);
            this.names = List.copyOf(shapes.keySet());
            this.file = reading.draft().file(torch);
            this.holder = reading.holder(mp, d);
            Node own = findPartition(states);
            int dp = reading.geometry().dp();
            long partitions = own == null
                    ? Nodes.findLong(states, "partition_count", dp)
                    : Nodes.findLong(own, "partition_count", dp);
            long rank = own == null ? d : Nodes.findLong(own, "partition_rank", d);
            boolean expert = names.stream().anyMatch(reading.parameters().experts()::isExpert);
            if (partitions < 1 || rank < 0 || rank >= partitions || partitions != dp && !(expert && own != null)) {
                throw new SourceException(torch.file() + ": sub-group " + number + " is partition " + rank + " of "
                        + partitions + ", expected one of " + dp + ", the number of data-parallel ranks by "
                        + reading.geometry().source());
            }
            this.partition = (int) rank;
            this.slots = new SlotGroup(
                    names.stream()
                            .mapToLong(name -> Shapes.elements(shapes.get(name)))
                            .toArray(),
                    (int) partitions);
        }

        private Node findPartition(Node states) throws IOException {
            Node all = Nodes.findValue(states, "ds_zero_partition_groups");
            return all == null || number >= all.size() ? null : all.item(number);
        }

        void read(TorchTensor master, Node state) throws IOException {
            Map<String, TorchTensor> tensors = new LinkedHashMap<>();
            tensors.put(Reading.MASTER, checked(Reading.MASTER, master));
            Value[] step = new Value[1];
            if (state != null && state.kind() == Kind.DICT) {
                state.forEachEntry((key, value) -> {
                    String name = key.asText();
                    boolean scalar =
                            value.kind() == Kind.TENSOR && value.asTensor().shape().length == 0;
                    if (name.equals("step") && (scalar || value.kind() == Kind.INT || value.kind() == Kind.REAL)) {
                        step[0] = GroupBook.number(value);
                    } else if (value.kind() == Kind.TENSOR && !scalar) {
                        tensors.put(name, checked(name, value.asTensor()));
                    } else {
                        reading.attachments()
                                .add(
                                        "optimizer",
                                        STATES + '.' + STATES + ".state." + number + '.' + name,
                                        value,
                                        torch.file());
                    }
                });
            }
            for (Map.Entry<String, TorchTensor> tensor : tensors.entrySet()) {
                addWindows(tensor.getKey(), tensor.getValue());
            }
            if (step[0] != null) {
                for (String name : names) {
                    reading.groups().addStep(name, step[0], reading.relative(torch.file()));
                }
            }
        }

        private TorchTensor checked(String state, TorchTensor tensor) throws SourceException {
            if (Shapes.elements(tensor.shape()) != slots.elements() || !tensor.isRowMajor()) {
                throw new SourceException(torch.file() + ": state " + state + " of sub-group " + number + " has "
                        + Shapes.elements(tensor.shape()) + " elements, its slots have " + slots.elements());
            }
            return tensor;
        }

        private void addWindows(String state, TorchTensor tensor) throws IOException {
            for (String name : names) {
                target(state, tensor.dtype(), name);
            }
            slots.forEachWindow(
                    partition,
                    (parameter, start, place, count) -> target(state, tensor.dtype(), names.get(parameter))
                            .addWindow(start, count, tensor, place, file, holder));
        }

        private Draft.Target target(String state, Dtype dtype, String name) throws IOException {
            FusedExperts layer = reading.parameters().experts().findFused(name);
            int epRank = layer == null ? 0 : expertRanks.getOrDefault(layer.prefix(), 0);
            Parameters.Owner owner = reading.parameters().owner(mp, name, epRank);
            return reading.draft().target(owner.name(), state, dtype, owner.placement(), 0, owner.shard());
        }
    }
}
