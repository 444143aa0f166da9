package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.source.Attachments;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/** The parameter groups of an optimizer without ZeRO, as its file has them: members by number, with their whole states. */
final class WholeGroups {
    static final String OPTIMIZER = "optimizer";
    private static final String INNER = "optimizer_state_dict";
    private static final String STATE = "state";
    private static final String GROUPS = "param_groups";
    private static final String MASTERS = "fp32_groups";
    private static final String FLAT_MASTERS = "fp32_groups_flat";

    private final TorchFile torch;
    private final Node optimizer;
    private final Node inner;
    private final Attachments attachments;
    private final List<List<Member>> groups = new ArrayList<>();

    private WholeGroups(TorchFile torch, Node optimizer, Node inner, Attachments attachments) {
        this.torch = torch;
        this.optimizer = optimizer;
        this.inner = inner;
        this.attachments = attachments;
    }

    /** One member of a group. */
    static final class Member {
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

    /**
     * Reads the groups of {@code optimizer}, which stands in {@code torch}.
     *
     * @param prefix of the names of values that are no states, as far as attachments name them
     */
    static WholeGroups read(TorchFile torch, Node optimizer, String prefix, Attachments attachments)
            throws IOException {
        Node inner = optimizer.find(GROUPS) != null ? optimizer : Nodes.findValue(optimizer, INNER);
        if (inner == null || Nodes.findValue(inner, GROUPS) == null) {
            throw new SourceException(optimizer.path() + " is no optimizer that is known: expected " + GROUPS
                    + " in it or" + " in its " + INNER);
        }
        WholeGroups read = new WholeGroups(torch, optimizer, inner, attachments);
        read.readMembers(prefix);
        read.addMasters(Nodes.findValue(optimizer, MASTERS));
        read.addFlatMasters(Nodes.findValue(optimizer, FLAT_MASTERS));
        return read;
    }

    private void readMembers(String prefix) throws IOException {
        Node list = inner.get(GROUPS);
        for (int group = 0; group < list.size(); group++) {
            List<Member> members = new ArrayList<>();
            for (long id : Nodes.longs(list.item(group).get("params"))) {
                Member member = new Member(id);
                Node own = inner.get(STATE).find(id);
                if (own != null && own.kind() == Kind.DICT) {
                    own.forEachEntry((key, value) -> readState(member, key.asText(), value, prefix));
                }
                members.add(member);
            }
            groups.add(members);
        }
    }

    private void readState(Member member, String name, Node value, String prefix) throws IOException {
        boolean scalar = value.kind() == Kind.TENSOR && value.asTensor().shape().length == 0;
        if (name.equals("step") && (scalar || value.kind() == Kind.INT || value.kind() == Kind.REAL)) {
            member.step = value;
        } else if (value.kind() == Kind.TENSOR && !scalar) {
            member.states.put(name, value.asTensor());
        } else {
            attachments.add(OPTIMIZER, prefix + member.id + '.' + name, value, torch.file());
        }
    }

    private void addMasters(Node masters) throws IOException {
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
    private void addFlatMasters(Node masters) throws IOException {
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

    /** The members by group. */
    List<List<Member>> members() {
        return groups;
    }

    /** The dictionary of a group, with its hyperparameters. */
    Node settings(int group) throws IOException {
        return inner.get(GROUPS).item(group);
    }

    /** Attaches what the optimizer holds beside groups, states and masters. */
    void attachOthers() throws IOException {
        if (inner != optimizer) {
            attachments.addAll(OPTIMIZER, OPTIMIZER, optimizer, Set.of(INNER, MASTERS, FLAT_MASTERS), torch.file());
        }
    }
}
