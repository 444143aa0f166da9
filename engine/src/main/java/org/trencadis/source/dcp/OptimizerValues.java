package org.trencadis.source.dcp;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.format.Value;
import org.trencadis.source.Attachments;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.dcp.StateNames.GroupSetting;
import org.trencadis.source.dcp.StateNames.ParameterSetting;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * The hyperparameters and steps of optimizers as their items say them, made into groups: as listed, or, where each
 * parameter has its own, of the parameters that have the same.
 */
final class OptimizerValues {
    private static final String MEMBERS = "params";

    /** One optimizer's values; a later rank's of the same name repeat the first's. */
    private static final class Optimizer {
        final TreeMap<Integer, Map<String, Value>> groups = new TreeMap<>();
        final Map<Integer, List<String>> members = new LinkedHashMap<>();
        final Map<String, Map<String, Value>> parameters = new LinkedHashMap<>();
    }

    private final Map<String, Optimizer> optimizers = new LinkedHashMap<>();
    private final GroupBook book = new GroupBook();
    private final StateNames names;

    OptimizerValues(StateNames names) {
        this.names = names;
        names.optimizers().forEach(name -> optimizers.put(name, new Optimizer()));
    }

    void add(GroupSetting setting, Node node) throws IOException {
        Optimizer optimizer = optimizers.get(setting.optimizer());
        if (setting.key().equals(MEMBERS)) {
            optimizer.members.putIfAbsent(setting.group(), members(setting.optimizer(), node));
        } else {
            optimizer
                    .groups
                    .computeIfAbsent(setting.group(), missing -> new LinkedHashMap<>())
                    .putIfAbsent(setting.key(), value(node));
        }
    }

    void add(ParameterSetting setting, Node node) throws IOException {
        optimizers
                .get(setting.optimizer())
                .parameters
                .computeIfAbsent(setting.parameter(), missing -> new LinkedHashMap<>())
                .putIfAbsent(setting.key(), value(node));
    }

    void addStep(String parameter, Node node, String from) throws IOException {
        book.addStep(parameter, GroupBook.number(node), from);
    }

    /** A hyperparameter; one that is held in a tensor is the number. */
    private static Value value(Node node) throws IOException {
        boolean isNumber = node.kind() == Kind.TENSOR
                && node.asTensor().elements() == 1
                && node.asTensor().dtype().isFloat();
        return isNumber ? new Value.Real(node.asReal()) : node.toValue(Attachments.MAX_TENSOR_BYTES);
    }

    /** Names of the parameters in a group; numbers stand for those of which only the number is known. */
    private List<String> members(String optimizer, Node list) throws IOException {
        if (!Nodes.isList(list)) {
            throw new SourceException(list.path() + " is no list of parameters");
        }
        List<String> members = new ArrayList<>(list.size());
        for (int i = 0; i < list.size(); i++) {
            Node item = list.item(i);
            members.add(
                    item.kind() == Kind.INT
                            ? StateNames.numbered(optimizer, item.asBigInteger().toString())
                            : names.scoped(optimizer, item.asText()));
        }
        return members;
    }

    /** The groups of all optimizers, one optimizer after the other. */
    GroupBook groups(List<String> order) {
        int number = 0;
        for (Map.Entry<String, Optimizer> entry : optimizers.entrySet()) {
            Optimizer optimizer = entry.getValue();
            for (Map.Entry<Integer, Map<String, Value>> group : optimizer.groups.entrySet()) {
                write(
                        number++,
                        optimizer.members.getOrDefault(group.getKey(), List.of()),
                        group.getValue(),
                        order,
                        entry.getKey());
            }
            Map<Map<String, Value>, List<String>> alike = new LinkedHashMap<>();
            optimizer.parameters.forEach(
                    (name, settings) -> alike.computeIfAbsent(settings, missing -> new ArrayList<>())
                            .add(name));
            for (Map.Entry<Map<String, Value>, List<String>> group : alike.entrySet()) {
                write(number++, group.getValue(), group.getKey(), order, entry.getKey());
            }
        }
        return book;
    }

    private void write(
            int number, List<String> members, Map<String, Value> settings, List<String> order, String optimizer) {
        Map<String, Value> ordered = new LinkedHashMap<>();
        for (String key : order) {
            if (settings.containsKey(key)) {
                ordered.put(key, settings.get(key));
            }
        }
        Value step = ordered.remove(StateNames.STEP);
        book.addMembers(number, members);
        book.addSettings(number, ordered, step, optimizer);
    }
}
