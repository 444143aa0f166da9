package org.trencadis.source.megatron;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.source.Attachments;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads optimizer state of legacy files. It is numbered, not named: the parameters of each group follow the module's order.
 * Where numbers of members or shapes disagree with that, the state is left out and a finding says so.
 */
final class LegacyOptimizer {
    private static final String MASTER = "fp32";
    private static final String OPTIMIZER = "optimizer";
    private static final Set<String> CONSUMED =
            Set.of(OPTIMIZER, "state", "param_groups", "fp32_from_fp16_params", "fp32_from_fp16", "grad_scaler");

    /** Tensors of modules that are no parameters. */
    private static final List<String> BUFFERS =
            List.of("inv_freq", "expert_bias", "local_tokens_per_expert", "running_mean", "running_var");

    private final Draft draft;
    private final LegacyGeometry geometry;
    private final GroupBook groups;
    private final Attachments attachments;
    private final Set<String> unassigned = new LinkedHashSet<>();
    /** Parameters of groups that do not list them, as far as the groups themselves tell; by number. */
    private final Map<Integer, Set<String>> unlisted = new LinkedHashMap<>();

    private boolean several;
    private Value lossScaler;

    LegacyOptimizer(Draft draft, LegacyGeometry geometry, GroupBook groups, Attachments attachments) {
        this.draft = draft;
        this.geometry = geometry;
        this.groups = groups;
        this.attachments = attachments;
    }

    /**
     * Reads the optimizer of a rank's file.
     *
     * @param owned what the names of the stage's model are, in the module's order
     */
    void read(TorchFile torch, int stage, int rank, List<LegacyPart.Owned> owned) throws IOException {
        Node optimizer = Nodes.findValue(torch.root(), OPTIMIZER);
        if (optimizer == null) {
            return;
        }
        List<LegacyPart> parameters = parameters(rank, owned);
        int file = draft.file(torch);
        int holders = LegacyTensors.holders(draft, geometry, stage, rank);
        Reading reading = new Reading(torch, parameters, file, holders);
        if (!Nodes.isList(optimizer)) {
            reading.readOne(OPTIMIZER, optimizer, 0);
            return;
        }
        int first = 0;
        for (int i = 0; i < optimizer.size(); i++) {
            first += reading.readOne(OPTIMIZER + '.' + i, optimizer.item(i), first);
        }
    }

    /** The parameters among what a rank's module holds, in its order. */
    static List<LegacyPart> parameters(int rank, List<LegacyPart.Owned> owned) {
        List<LegacyPart> parameters = new ArrayList<>();
        for (LegacyPart.Owned each : owned) {
            LegacyPart part = each.parts()[rank];
            boolean buffer = part == null || !part.held().dtype().isFloat() || isBuffer(each.local());
            if (!buffer) {
                parameters.add(part);
            }
        }
        return parameters;
    }

    private static boolean isBuffer(String name) {
        return BUFFERS.contains(name.substring(name.lastIndexOf('.') + 1));
    }

    /** One file's optimizers. */
    private final class Reading {
        private final TorchFile torch;
        private final List<LegacyPart> parameters;
        private final int file;
        private final int holders;
        private final String from;

        Reading(TorchFile torch, List<LegacyPart> parameters, int file, int holders) {
            this.torch = torch;
            this.parameters = parameters;
            this.file = file;
            this.holders = holders;
            this.from = draft.relative(torch.file());
        }

        /** Reads one optimizer, whose groups are numbered from {@code first}; returns how many it has. */
        int readOne(String path, Node optimizer, int first) throws IOException {
            if (optimizer.kind() != Kind.DICT) {
                attachments.add(OPTIMIZER, path, optimizer, torch.file());
                return 0;
            }
            Node inner = optimizer.find("param_groups") != null ? optimizer : Nodes.findValue(optimizer, OPTIMIZER);
            Node scaler = Nodes.findValue(optimizer, "grad_scaler");
            if (lossScaler == null && scaler != null && scaler.kind() == Kind.DICT) {
                lossScaler = numbers(scaler);
            }
            attachments.addAll(OPTIMIZER, path, optimizer, CONSUMED, torch.file());
            Node list = inner == null ? null : Nodes.findValue(inner, "param_groups");
            if (list == null) {
                return 0;
            }
            Node masters = Nodes.findValue(optimizer, "fp32_from_fp16_params");
            masters = masters == null ? Nodes.findValue(optimizer, "fp32_from_fp16") : masters;
            Node state = Nodes.findValue(inner, "state");
            for (int group = 0; group < list.size(); group++) {
                groups.addSettings(first + group, list.item(group), from);
                Node of = masters == null || group >= masters.size() ? null : masters.item(group);
                readGroup(first + group, list.item(group), list.size() == 1, state, of);
            }
            return list.size();
        }

        private void readGroup(int number, Node group, boolean only, Node state, Node masters) throws IOException {
            Node members = Nodes.findValue(group, "params");
            List<LegacyPart> parts = candidates(group, only);
            boolean withState = state != null && state.kind() == Kind.DICT && state.size() > 0;
            if (members == null && !withState && masters == null) {
                // The distributed optimizer's states are in a file of their own, and its groups do not list members.
                unlisted.computeIfAbsent(number, key -> new LinkedHashSet<>())
                        .addAll(parts.stream().map(LegacyPart::name).toList());
                several |= !only;
                return;
            }
            if (members == null || !withState && masters == null) {
                if (members == null || members.size() > 0) {
                    unassigned.add(from + " group " + number + (members == null ? "" : " (without state)"));
                }
                return;
            }
            List<Node> states = new ArrayList<>();
            for (int i = 0; i < members.size(); i++) {
                states.add(withState ? state.find(members.item(i).asLong()) : null);
            }
            List<Node> own = masters(masters, parts);
            if (parts.size() != members.size() || own == null || !fits(parts, states, own)) {
                unassigned.add(from + " group " + number);
                return;
            }
            groups.addMembers(number, parts.stream().map(LegacyPart::name).toList());
            if (flag(group, "is_expert_parallel")) {
                groups.setExpert(number);
            }
            for (int i = 0; i < parts.size(); i++) {
                addStates(parts.get(i), states.get(i), own.get(i));
            }
        }

        /** The parameters that Megatron puts into a group: without weight decay are biases and one-dimensional ones. */
        private List<LegacyPart> candidates(Node group, boolean only) throws IOException {
            List<LegacyPart> parts = new ArrayList<>(parameters);
            if (group.find("is_expert_parallel") != null) {
                boolean expert = flag(group, "is_expert_parallel");
                parts.removeIf(part -> part.expert() != expert);
            }
            Node multiplier = Nodes.findValue(group, "wd_mult");
            if (!only && multiplier != null) {
                boolean decayed = multiplier.asReal() != 0;
                parts.removeIf(
                        part -> (part.held().shape().length == 1 || part.name().endsWith(".bias")) == decayed);
            }
            return parts;
        }

        /** The master of each member, null for one that has none; null where their number fits no reading. */
        private List<Node> masters(Node list, List<LegacyPart> parts) throws IOException {
            List<Node> own = new ArrayList<>();
            int count = list == null ? 0 : list.size();
            long halves = parts.stream()
                    .filter(part -> part.held().dtype().bytes() < 4)
                    .count();
            if (count != 0 && count != parts.size() && count != halves) {
                return null;
            }
            int next = 0;
            for (LegacyPart part : parts) {
                boolean has = count == parts.size()
                        || count > 0 && part.held().dtype().bytes() < 4;
                own.add(has ? list.item(next++) : null);
            }
            return own;
        }

        private boolean fits(List<LegacyPart> parts, List<Node> states, List<Node> masters) throws IOException {
            for (int i = 0; i < parts.size(); i++) {
                long[] shape = parts.get(i).held().shape();
                Node average = states.get(i) == null ? null : states.get(i).find("exp_avg");
                if (isOther(masters.get(i), shape) || isOther(average, shape)) {
                    return false;
                }
            }
            return true;
        }

        private boolean isOther(Node node, long[] shape) throws IOException {
            return node != null
                    && (node.kind() != Kind.TENSOR
                            || !Arrays.equals(node.asTensor().shape(), shape));
        }

        private void addStates(LegacyPart part, Node state, Node master) throws IOException {
            Map<String, TorchTensor> found = new LinkedHashMap<>();
            if (master != null) {
                found.put(MASTER, master.asTensor());
            }
            if (state != null && state.kind() == Kind.DICT) {
                state.forEachEntry((key, value) -> addState(part, key.asText(), value, found));
            }
            for (Map.Entry<String, TorchTensor> each : found.entrySet()) {
                part.add(draft, each.getKey(), each.getValue(), file, holders);
            }
        }

        private void addState(LegacyPart part, String key, Node value, Map<String, TorchTensor> found)
                throws IOException {
            boolean scalar = value.kind() == Kind.TENSOR && value.asTensor().shape().length == 0;
            if (key.equals("step") && (scalar || value.kind() == Kind.INT || value.kind() == Kind.REAL)) {
                groups.addStep(part.name(), GroupBook.number(value), from);
            } else if (value.kind() == Kind.TENSOR
                    && Arrays.equals(value.asTensor().shape(), part.held().shape())) {
                found.putIfAbsent(key.equals("master_param") ? MASTER : key, value.asTensor());
            } else if (!value.isNone()) {
                attachments.add(OPTIMIZER, OPTIMIZER + ".state." + part.name() + '.' + key, value, torch.file());
            }
        }
    }

    private static boolean flag(Node dict, String key) throws IOException {
        Node value = Nodes.findValue(dict, key);
        return value != null && value.kind() == Kind.BOOL && value.asBool();
    }

    private static Value numbers(Node dict) throws IOException {
        List<Value.Entry> entries = new ArrayList<>();
        dict.forEachEntry((key, value) -> {
            boolean one = value.kind() == Kind.TENSOR && value.asTensor().elements() == 1;
            Value number = one ? GroupBook.number(value) : value.toValue(Attachments.MAX_TENSOR_BYTES);
            entries.add(new Value.Entry(new Value.Text(key.asText()), number));
        });
        return new Value.Mapping(entries);
    }

    /** The values of the loss scaler, or null where there is none. */
    Value lossScaler() {
        return lossScaler;
    }

    /**
     * Writes what groups have, and which state is not in the catalog.
     *
     * @param flat what files beside the ranks' own hold
     */
    void write(FlatOptimizer flat) {
        if (!unlisted.isEmpty() && !flat.hasFiles()) {
            draft.builder()
                    .addFinding(
                            "megatron.distrib-optim",
                            "the optimizer's states are not in the catalog: its groups are those of a distributed"
                                    + " optimizer, but no rank has a file " + FlatOptimizer.FILE);
        }
        if (several) {
            draft.builder()
                    .addFinding(
                            "megatron.group-members",
                            "the save does not say which parameters are in which optimizer groups");
        } else if (flat.isComplete()) {
            unlisted.forEach(groups::addMembers);
        }
        if (!unassigned.isEmpty()) {
            draft.builder()
                    .addFinding(
                            "megatron.optimizer-unassigned",
                            "optimizer state that is not in the catalog, as nothing says which parameters it is of: "
                                    + Nodes.firstOf(List.copyOf(unassigned)));
        }
    }
}
