package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.trencadis.layout.Placement;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Dtype;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the optimizer of a save without ZeRO: whole states, with a number for each parameter instead of its name. Where the
 * numbers can stand for one order of parameters only they get their names, else states stay under their numbers.
 */
final class WholeOptimizerReader {
    private static final String INNER = "optimizer_state_dict";
    private static final String STATE = "state";
    private static final String GROUPS = "param_groups";
    private static final String MASTERS = "fp32_groups";
    private static final String FLAT_MASTERS = "fp32_groups_flat";
    private static final String OPTIMIZER = "optimizer";

    private final Reading reading;
    private final ModuleReader modules;
    private final List<String> unnamed = new ArrayList<>();
    private boolean matched;

    WholeOptimizerReader(Reading reading, ModuleReader modules) {
        this.reading = reading;
        this.modules = modules;
    }

    /** One member of a group. */
    private static final class Member {
        final long id;
        final Map<String, TorchTensor> states = new LinkedHashMap<>();
        Node step;
        String name;

        Member(long id) {
            this.id = id;
        }

        /** The shape of the parameter: its master's, or that of all its states; null where they do not say it. */
        long[] shape() {
            if (states.containsKey(Reading.MASTER)) {
                return states.get(Reading.MASTER).shape();
            }
            long[] shape = null;
            for (TorchTensor state : states.values()) {
                if (shape != null && !Arrays.equals(shape, state.shape())) {
                    return null;
                }
                shape = state.shape();
            }
            return shape;
        }
    }

    /** Reads the optimizer in each model file. */
    void readAll(Path[][] modelFiles) throws IOException {
        for (int mp = 0; mp < modelFiles.length; mp++) {
            try (TorchFile torch = TorchFile.open(modelFiles[mp][0], reading.cache())) {
                Node optimizer = Nodes.findValue(torch.root(), OPTIMIZER);
                if (optimizer != null) {
                    String prefix = modelFiles.length == 1
                            ? OPTIMIZER + '.'
                            : String.format(Locale.ROOT, "%s.mp_rank_%02d.", OPTIMIZER, mp);
                    read(torch, optimizer, mp, prefix, true);
                }
            }
        }
        writeFinding();
    }

    /** Reads the optimizers that expert-parallel ranks wrote without ZeRO; their order of parameters is not known. */
    void readExperts(List<RankFile> files) throws IOException {
        for (RankFile file : files) {
            try (TorchFile torch = TorchFile.open(file.path(), reading.cache())) {
                Node optimizer = Nodes.findValue(torch.root(), OPTIMIZER);
                if (optimizer != null) {
                    read(torch, optimizer, file.mp(), OPTIMIZER + ".expp_rank_" + file.dp() + '.', false);
                }
            }
        }
        writeFinding();
    }

    private void writeFinding() {
        if (matched) {
            reading.finding(
                    "matched-by-order",
                    "the optimizer's states have numbers, not names; they were given the names of the module's parameters"
                            + " that come in the same order with the same shapes, which only one assignment does");
            matched = false;
        }
        if (!unnamed.isEmpty()) {
            reading.finding(
                    "unnamed-states",
                    "the optimizer's states have numbers, not names, and fit several orders of parameters; they stay under"
                            + " their numbers: " + Nodes.firstOf(unnamed));
            unnamed.clear();
        }
    }

    private void read(TorchFile torch, Node optimizer, int mp, String prefix, boolean named) throws IOException {
        Node inner = optimizer.find(GROUPS) != null ? optimizer : Nodes.findValue(optimizer, INNER);
        if (inner == null || Nodes.findValue(inner, GROUPS) == null) {
            throw new SourceException(optimizer.path() + " is no optimizer that is known: expected " + GROUPS
                    + " in it or" + " in its " + INNER);
        }
        List<List<Member>> groups = readMembers(torch, inner, prefix);
        addMasters(Nodes.findValue(optimizer, MASTERS), groups, torch);
        addFlatMasters(Nodes.findValue(optimizer, FLAT_MASTERS), groups, torch);
        if (named) {
            assign(groups, mp);
        }
        for (int group = 0; group < groups.size(); group++) {
            reading.groups().addSettings(group, inner.get(GROUPS).item(group), reading.relative(torch.file()));
            for (Member member : groups.get(group)) {
                addMember(torch, member, group, mp, prefix);
            }
        }
        if (inner != optimizer) {
            reading.attachments()
                    .addAll(OPTIMIZER, OPTIMIZER, optimizer, Set.of(INNER, MASTERS, FLAT_MASTERS), torch.file());
        }
    }

    private List<List<Member>> readMembers(TorchFile torch, Node inner, String prefix) throws IOException {
        List<List<Member>> groups = new ArrayList<>();
        Node list = inner.get(GROUPS);
        for (int group = 0; group < list.size(); group++) {
            List<Member> members = new ArrayList<>();
            for (long id : Nodes.longs(list.item(group).get("params"))) {
                Member member = new Member(id);
                Node own = inner.get(STATE).find(id);
                if (own != null && own.kind() == Kind.DICT) {
                    own.forEachEntry((key, value) -> readState(torch, member, key.asText(), value, prefix));
                }
                members.add(member);
            }
            groups.add(members);
        }
        return groups;
    }

    private void readState(TorchFile torch, Member member, String name, Node value, String prefix) throws IOException {
        boolean scalar = value.kind() == Kind.TENSOR && value.asTensor().shape().length == 0;
        if (name.equals("step") && (scalar || value.kind() == Kind.INT || value.kind() == Kind.REAL)) {
            member.step = value;
        } else if (value.kind() == Kind.TENSOR && !scalar) {
            member.states.put(name, value.asTensor());
        } else {
            reading.attachments().add(OPTIMIZER, prefix + member.id + '.' + name, value, torch.file());
        }
    }

    private static void addMasters(Node masters, List<List<Member>> groups, TorchFile torch) throws IOException {
        if (masters == null) {
            return;
        }
        for (int group = 0; group < groups.size(); group++) {
            List<Member> members = groups.get(group);
            if (group >= masters.size() || masters.item(group).size() != members.size()) {
                throw new SourceException(torch.file() + ": group " + group + " of " + MASTERS
                        + " does not have a master for each of " + members.size() + " parameters");
            }
            for (int i = 0; i < members.size(); i++) {
                members.get(i)
                        .states
                        .put(Reading.MASTER, masters.item(group).item(i).asTensor());
            }
        }
    }

    /** Masters of a fused optimizer: one flat tensor for each group, whose only member it is. */
    private static void addFlatMasters(Node masters, List<List<Member>> groups, TorchFile torch) throws IOException {
        for (int group = 0; masters != null && group < masters.size(); group++) {
            if (group >= groups.size() || groups.get(group).size() != 1) {
                throw new SourceException(torch.file() + ": group " + group + " of " + FLAT_MASTERS
                        + " is not that of one flat parameter");
            }
            groups.get(group)
                    .getFirst()
                    .states
                    .put(Reading.MASTER, masters.item(group).asTensor());
        }
    }

    private void assign(List<List<Member>> groups, int mp) {
        ModelStates model = reading.parameters().model(mp);
        List<String> names = new ArrayList<>();
        List<long[]> shapes = new ArrayList<>();
        for (Map.Entry<String, TorchTensor> entry : model.module().entrySet()) {
            if (!model.buffers().contains(entry.getKey()) && !model.aliases().containsKey(entry.getKey())) {
                names.add(entry.getKey());
                shapes.add(entry.getValue().shape());
            }
        }
        List<List<long[]>> members = new ArrayList<>();
        for (List<Member> group : groups) {
            List<long[]> of = new ArrayList<>();
            group.forEach(member -> of.add(member.shape()));
            members.add(of);
        }
        int[][] found = IdAssignment.solve(shapes, members);
        Set<String> left = new LinkedHashSet<>(names);
        boolean all = true;
        for (int group = 0; group < found.length; group++) {
            for (int i = 0; i < found[group].length; i++) {
                int parameter = found[group][i];
                all &= parameter != IdAssignment.UNKNOWN;
                groups.get(group).get(i).name = parameter == IdAssignment.UNKNOWN ? null : names.get(parameter);
                left.remove(groups.get(group).get(i).name);
            }
        }
        if (all) {
            left.forEach(modules::noteFrozen);
        }
    }

    private void addMember(TorchFile torch, Member member, int group, int mp, String prefix) throws IOException {
        String name = member.name == null ? prefix + member.id : member.name;
        reading.groups().addMembers(group, List.of(name));
        if (member.step != null) {
            reading.groups().addStep(name, GroupBook.number(member.step), reading.relative(torch.file()));
        }
        if (member.name == null) {
            unnamed.add(name);
            for (Map.Entry<String, TorchTensor> state : member.states.entrySet()) {
                Placement placement = Placement.unique(state.getValue().shape());
                add(torch, name, state.getKey(), state.getValue(), placement, mp, 0);
            }
            return;
        }
        matched = true;
        TorchTensor module = reading.parameters().model(mp).module().get(name);
        if (module.dtype() == Dtype.FLOAT32) {
            // The parameter is its own master.
            member.states.putIfAbsent(Reading.MASTER, module);
        }
        Placement placement = placement(mp, name);
        for (Map.Entry<String, TorchTensor> state : member.states.entrySet()) {
            boolean whole = Arrays.equals(state.getValue().shape(), module.shape());
            if (whole || reading.geometry().tp() == 1) {
                // A state of another shape, as a factored moment, is a tensor of its own under the parameter's name.
                Placement own =
                        whole ? placement : Placement.unique(state.getValue().shape());
                add(
                        torch,
                        name,
                        state.getKey(),
                        state.getValue(),
                        own,
                        mp,
                        mp % reading.geometry().tp());
            } else {
                String numbered = prefix + member.id;
                unnamed.add(numbered);
                add(
                        torch,
                        numbered,
                        state.getKey(),
                        state.getValue(),
                        Placement.unique(state.getValue().shape()),
                        mp,
                        0);
            }
        }
    }

    private Placement placement(int mp, String name) throws IOException {
        int tp = reading.geometry().tp();
        int stage = mp / tp;
        long[][] shapes = new long[tp][];
        for (int t = 0; t < tp; t++) {
            TorchTensor shard =
                    reading.parameters().model(stage * tp + t).module().get(name);
            if (shard == null) {
                throw new SourceException("tensor-parallel ranks hold the same module: "
                        + reading.parameters().model(stage * tp + t).file() + " has no tensor " + name);
            }
            shapes[t] = shard.shape();
        }
        return reading.parameters().modulePlacement(stage, name, shapes);
    }

    private void add(
            TorchFile torch, String name, String state, TorchTensor tensor, Placement placement, int mp, int shard)
            throws IOException {
        reading.draft()
                .target(
                        name,
                        state,
                        tensor.dtype(),
                        placement,
                        mp / reading.geometry().tp(),
                        shard)
                .addShard(tensor, reading.draft().file(torch), reading.holders(mp));
    }
}
