package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the optimizer files of ZeRO 1 and 2 (and of BF16_Optimizer, which cuts in the same way): each holds one partition
 * of every group's flat buffer. The flat order is that of {@code param_shapes} with {@code param_alignment_paddings};
 * {@code param_slice_mappings} are only compared with it, for they are wrong under round-robin gradients.
 */
final class PartitionReader {
    private static final String STATES = "optimizer_state_dict";
    private static final String BASE = "base_optimizer_state";
    private static final String MAPPINGS = "param_slice_mappings";
    private static final Set<String> CONSUMED = Set.of(
            BASE,
            "single_partition_of_fp32_groups",
            "group_paddings",
            "partition_count",
            "param_alignment_paddings",
            MAPPINGS);

    /** A state tensor at most one part in this many of a partition is a table beside the elements, not one of them. */
    private static final long SIDE_TABLE = 8;

    private final Reading reading;
    private final List<String> wrongMappings = new ArrayList<>();
    private final Set<String> sideTables = new HashSet<>();
    private final GroupLayouts layouts;
    private int expertParallel = 1;

    PartitionReader(Reading reading) {
        this.reading = reading;
        this.layouts = new GroupLayouts(reading);
    }

    /** Reads all files of a grid, by model-parallel rank, then data-parallel rank. */
    void readAll(Path[][] grid) throws IOException {
        for (int mp = 0; mp < grid.length; mp++) {
            for (int d = 0; d < grid[mp].length; d++) {
                try (TorchFile torch = TorchFile.open(grid[mp][d], reading.cache())) {
                    readFile(torch, mp, d);
                }
            }
        }
        writeFindings();
    }

    /** The greatest number of ranks that share experts; 1 without experts. */
    int expertParallel() {
        return expertParallel;
    }

    private void writeFindings() {
        if (!wrongMappings.isEmpty()) {
            reading.finding(
                    "slice-mappings",
                    "param_slice_mappings disagree with the flat order of param_shapes, which was followed"
                            + " (round_robin_gradients writes such mappings): " + Nodes.firstOf(wrongMappings));
        }
        for (String state : sideTables.stream().sorted().toList()) {
            reading.finding(
                    "side-table",
                    "optimizer state " + state + " does not hold one value for each element; it is not in the catalog");
        }
    }

    private void readFile(TorchFile torch, int mp, int d) throws IOException {
        Node root = torch.root();
        Node states = root.get(STATES);
        Node masters = states.get("single_partition_of_fp32_groups");
        List<Map<String, long[]>> groups = reading.parameters().model(mp).groups();
        if (groups == null || masters.size() != groups.size()) {
            throw new SourceException(masters.path() + " has " + masters.size() + " groups, param_shapes of "
                    + reading.parameters().model(mp).file() + " has " + (groups == null ? 0 : groups.size()));
        }
        for (int group = 0; group < groups.size(); group++) {
            new GroupPart(torch, states, mp, d, group).read(masters.item(group).asTensor());
        }
        reading.attachments().addAll("optimizer", STATES, states, CONSUMED, torch.file());
        reading.attachments().addAll("optimizer", "", root, Set.of(STATES), torch.file());
    }

    /** One group's partition in one file. */
    private final class GroupPart {
        private final TorchFile torch;
        private final Node states;
        private final int mp;
        private final int group;
        private final Map<String, long[]> shapes;
        private final List<String> names;
        private final int partitions;
        private final int partition;
        private final int ep;
        private final int epRank;
        private final int file;
        private final int holder;
        private final FlatGroup layout;

        GroupPart(TorchFile torch, Node states, int mp, int d, int group) throws IOException {
            this.torch = torch;
            this.states = states;
            this.mp = mp;
            this.group = group;
            this.shapes = reading.parameters().model(mp).groups().get(group);
            this.names = List.copyOf(shapes.keySet());
            Geometry geometry = reading.geometry();
            this.partitions = layouts.partitionCount(states, mp, group);
            this.ep = geometry.dp() / partitions;
            expertParallel = Math.max(expertParallel, ep);
            this.epRank = geometry.expertRank(d, ep);
            this.partition = geometry.expertDataRank(d, ep);
            this.file = reading.draft().file(torch);
            this.holder = reading.holder(mp, d);
            this.layout = layouts.layout(states, mp, group, partitions, partition);
        }

        void read(TorchTensor master) throws IOException {
            Map<String, TorchTensor> tensors = new LinkedHashMap<>();
            tensors.put(Reading.MASTER, checked(Reading.MASTER, master));
            Value step = readStates(tensors);
            addMembers();
            for (Map.Entry<String, TorchTensor> state : tensors.entrySet()) {
                addWindows(state.getKey(), state.getValue());
            }
            if (step != null) {
                layout.forEachWindow(
                        partition,
                        (parameter, start, place, count) -> reading.groups()
                                .addStep(global(names.get(parameter)), step, reading.relative(torch.file())));
            }
            compareMappings();
        }

        private String global(String name) {
            return reading.parameters().experts().globalName(name, epRank);
        }

        private void addMembers() {
            Experts experts = reading.parameters().experts();
            reading.groups().addMembers(group, experts.globalNames(names, ep));
            if (ep > 1 || names.stream().anyMatch(experts::isExpert)) {
                reading.groups().setExpert(group);
            }
        }

        /** Takes the states that hold one value for each element; returns the step, or null. */
        private Value readStates(Map<String, TorchTensor> tensors) throws IOException {
            Node base = states.get(BASE);
            Node own;
            if (base.kind() == Kind.LIST) {
                own = group < base.size() ? base.item(group) : null;
                reading.groups().addSettings(group, null, reading.relative(torch.file()));
            } else {
                Node settings = base.get("param_groups").item(group);
                reading.groups().addSettings(group, settings, reading.relative(torch.file()));
                Node members = settings.get("params");
                own = members.size() == 0
                        ? null
                        : base.get("state").find(members.item(0).asLong());
            }
            Value[] step = new Value[1];
            if (own != null && own.kind() == Kind.DICT) {
                own.forEachEntry((key, value) -> step[0] = readState(key.asText(), value, tensors, step[0]));
            }
            return step[0];
        }

        private Value readState(String name, Node value, Map<String, TorchTensor> tensors, Value step)
                throws IOException {
            boolean scalar = value.kind() == Kind.TENSOR && value.asTensor().shape().length == 0;
            if (name.equals("step") && (scalar || value.kind() == Kind.INT || value.kind() == Kind.REAL)) {
                return GroupBook.number(value);
            }
            if (value.kind() != Kind.TENSOR || scalar) {
                reading.attachments()
                        .add("optimizer", STATES + '.' + BASE + ".state." + group + '.' + name, value, torch.file());
                return step;
            }
            TorchTensor tensor = value.asTensor();
            long elements = Shapes.elements(tensor.shape());
            if (elements <= layout.partitionElements() / SIDE_TABLE && elements != layout.realElements(partition)) {
                sideTables.add(name);
            } else {
                tensors.put(name, checked(name, tensor));
            }
            return step;
        }

        private TorchTensor checked(String state, TorchTensor tensor) throws SourceException {
            long elements = Shapes.elements(tensor.shape());
            long real = layout.realElements(partition);
            if (elements != layout.partitionElements() && elements != real) {
                throw new SourceException(torch.file() + ": state " + state + " of group " + group + " has " + elements
                        + " elements; partition " + partition + " of " + partitions + " has "
                        + layout.partitionElements() + ", or " + real + " without padding");
            }
            if (!tensor.isRowMajor()) {
                throw new SourceException(
                        torch.file() + ": state " + state + " of group " + group + " is not contiguous");
            }
            return tensor;
        }

        private void addWindows(String state, TorchTensor tensor) throws IOException {
            for (String name : names) {
                if (Shapes.elements(shapes.get(name)) == 0) {
                    target(state, tensor, name);
                }
            }
            layout.forEachWindow(
                    partition,
                    (parameter, start, place, count) -> target(state, tensor, names.get(parameter))
                            .addWindow(start, count, tensor, place, file, holder));
        }

        private Draft.Target target(String state, TorchTensor tensor, String name) throws IOException {
            Parameters.Owner owner = reading.parameters().owner(mp, name, epRank);
            return reading.draft()
                    .target(
                            owner.name(),
                            state,
                            tensor.dtype(),
                            owner.placement(),
                            mp / reading.geometry().tp(),
                            owner.shard());
        }

        /** Notes where the file's own addresses of fragments differ from the flat order. */
        private void compareMappings() throws IOException {
            Node mappings = Nodes.findValue(states, MAPPINGS);
            if (mappings == null || group >= mappings.size()) {
                return;
            }
            Map<String, List<Long>> written = new HashMap<>();
            mappings.item(group).forEachEntry((name, address) -> {
                Node attributes = Nodes.attributes(address);
                long count = attributes.get("numel").asLong();
                if (count > 0) {
                    written.put(name.asText(), List.of(attributes.get("start").asLong(), count));
                }
            });
            if (written.equals(windows(partition))) {
                return;
            }
            for (int other = 0; other < partitions; other++) {
                if (!written.isEmpty() && written.equals(windows(other))) {
                    throw new SourceException(torch.file() + " holds partition " + other + " of group " + group
                            + " by its param_slice_mappings, but its name is that of partition " + partition);
                }
            }
            wrongMappings.add(reading.relative(torch.file()) + " group " + group);
        }

        private Map<String, List<Long>> windows(int of) throws IOException {
            Map<String, List<Long>> windows = new HashMap<>();
            layout.forEachWindow(
                    of, (parameter, start, place, count) -> windows.put(names.get(parameter), List.of(place, count)));
            return windows;
        }
    }
}
