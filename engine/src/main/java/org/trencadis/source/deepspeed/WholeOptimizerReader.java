package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the optimizer of a save without ZeRO: whole states, with a number for each parameter instead of its name. Where the
 * numbers can stand for one order of parameters only they get their names, else states stay under their numbers.
 */
final class WholeOptimizerReader {
    private static final String OPTIMIZER = WholeGroups.OPTIMIZER;

    private final Reading reading;
    private final ModuleReader modules;
    private final List<String> unnamed = new ArrayList<>();
    private boolean matched;

    WholeOptimizerReader(Reading reading, ModuleReader modules) {
        this.reading = reading;
        this.modules = modules;
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
        WholeGroups read = WholeGroups.read(torch, optimizer, prefix, reading.attachments());
        List<List<WholeGroups.Member>> groups = read.members();
        if (named) {
            assign(groups, mp);
        }
        for (int group = 0; group < groups.size(); group++) {
            reading.groups().addSettings(group, read.settings(group), reading.relative(torch.file()));
            for (WholeGroups.Member member : groups.get(group)) {
                addMember(torch, member, group, mp, prefix);
            }
        }
        read.attachOthers();
    }

    private void assign(List<List<WholeGroups.Member>> groups, int mp) {
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
        for (List<WholeGroups.Member> group : groups) {
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

    private void addMember(TorchFile torch, WholeGroups.Member member, int group, int mp, String prefix)
            throws IOException {
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
