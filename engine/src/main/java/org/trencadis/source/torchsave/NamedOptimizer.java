package org.trencadis.source.torchsave;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * A training state whose optimizer says the names of its parameters: {@code param_names} beside the numbers in
 * {@code params}, which torch writes where the optimizer was given named parameters. Without them nothing is certain, and
 * the optimizer's tensors are called by their paths.
 *
 * @param modelKey key of the model's state dictionary in the root
 * @param optimizerKey key of the optimizer's
 * @param names parameters by number
 */
record NamedOptimizer(String modelKey, String optimizerKey, List<List<String>> groups, Map<Long, String> names) {
    private static final List<String> MODEL_KEYS = List.of("model", "state_dict", "model_state_dict", "module");
    private static final List<String> OPTIMIZER_KEYS = List.of("optimizer", "optimizer_state_dict");
    private static final String STATE = "state";
    private static final String GROUPS = "param_groups";
    private static final String STEP = "step";

    /** What {@code root} says, or null where it is no training state or does not name the optimizer's parameters. */
    static NamedOptimizer find(Node root) throws IOException {
        String modelKey = findOnly(root, MODEL_KEYS);
        String optimizerKey = findOnly(root, OPTIMIZER_KEYS);
        if (modelKey == null || optimizerKey == null) {
            return null;
        }
        Node state = root.get(optimizerKey).find(STATE);
        Node list = root.get(optimizerKey).find(GROUPS);
        if (state == null || state.kind() != Kind.DICT || !Nodes.isList(list)) {
            return null;
        }
        List<List<String>> groups = new ArrayList<>();
        Map<Long, String> names = new HashMap<>();
        for (int group = 0; group < list.size(); group++) {
            List<String> members = findMembers(list.item(group), names);
            if (members == null) {
                return null;
            }
            groups.add(members);
        }
        boolean fits = isNamed(state, names) && areOf(root.get(modelKey), names);
        return fits ? new NamedOptimizer(modelKey, optimizerKey, groups, names) : null;
    }

    /** The one of {@code keys} under which a dictionary stands, or null. */
    private static String findOnly(Node root, List<String> keys) throws IOException {
        String found = null;
        for (String key : keys) {
            Node value = root.find(key);
            if (value != null && value.kind() == Kind.DICT) {
                if (found != null) {
                    return null;
                }
                found = key;
            }
        }
        return found;
    }

    private static List<String> findMembers(Node group, Map<Long, String> names) throws IOException {
        Node numbers = group.find("params");
        Node texts = group.find("param_names");
        if (!Nodes.isList(numbers) || !Nodes.isList(texts) || numbers.size() != texts.size()) {
            return null;
        }
        List<String> members = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            boolean fits = texts.item(i).kind() == Kind.TEXT && numbers.item(i).kind() == Kind.INT;
            if (!fits || names.put(numbers.item(i).asLong(), texts.item(i).asText()) != null) {
                return null;
            }
            members.add(texts.item(i).asText());
        }
        return members;
    }

    /** Whether each parameter that has a state has a name. */
    private static boolean isNamed(Node state, Map<Long, String> names) throws IOException {
        for (int entry = 0; entry < state.size(); entry++) {
            Node key = state.key(entry);
            if (key.kind() != Kind.INT
                    || !names.containsKey(key.asLong())
                    || state.value(entry).kind() != Kind.DICT) {
                return false;
            }
        }
        return true;
    }

    /** Whether the names are different ones, all of the model's own tensors. */
    private static boolean areOf(Node model, Map<Long, String> names) throws IOException {
        Set<String> different = new HashSet<>();
        for (String name : names.values()) {
            Node tensor = model.find(name);
            if (tensor == null || tensor.kind() != Kind.TENSOR || !different.add(name)) {
                return false;
            }
        }
        return true;
    }

    /** Adds the optimizer: states of parameters, groups with steps, and what else there is as values. */
    void add(Node root, StateWalk walk, KeptValues values, GroupBook book) throws IOException {
        Node optimizer = root.get(optimizerKey);
        walk.walkChildren(optimizerKey, optimizer, Set.of(STATE, GROUPS));
        Node list = optimizer.get(GROUPS);
        for (int group = 0; group < groups.size(); group++) {
            book.addMembers(group, groups.get(group));
            book.addSettings(group, list.item(group), walk.scope());
        }
        Node state = optimizer.get(STATE);
        for (int entry = 0; entry < state.size(); entry++) {
            String name = names.get(state.key(entry).asLong());
            addStates(name, state.value(entry), walk, values, book);
        }
    }

    private static void addStates(String name, Node states, StateWalk walk, KeptValues values, GroupBook book)
            throws IOException {
        for (int i = 0; i < states.size(); i++) {
            String state = Steps.text(states, i);
            Node value = states.value(i);
            if (state.equals(STEP)) {
                book.addStep(name, GroupBook.number(value), walk.scope());
            } else if (value.kind() == Kind.TENSOR) {
                walk.addTensor(name, state, value);
            } else {
                values.add(name + '.' + state, walk.scope(), value);
            }
        }
    }
}
