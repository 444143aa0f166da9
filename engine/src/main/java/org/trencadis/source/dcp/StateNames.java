package org.trencadis.source.dcp;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.source.distcp.SavedEntry;
import org.trencadis.source.distcp.SavedEntry.Step;
import org.trencadis.source.distcp.TensorKey;

/**
 * What the entries of a state dictionary are: tensors of the model, states of optimizers, hyperparameters.
 *
 * <p>The dictionary's own paths decide. An optimizer is where its {@code param_groups} are, as lists of dictionaries or
 * flattened to one text for each parameter; the model is the dictionary whose keys are the parameters of the optimizers.
 * Its place is taken off the names, so that a parameter and its states have one name.
 */
final class StateNames {
    static final String STEP = "step";
    private static final String MODEL = "model";
    private static final String GROUPS = "param_groups";
    private static final String STATES = "state";

    /** A hyperparameter of the group number {@code group} of an optimizer. */
    record GroupSetting(String optimizer, int group, String key) {}

    /** A hyperparameter of one parameter, of whose group nothing is said. */
    record ParameterSetting(String optimizer, String parameter, String key) {}

    /** A part of a name: below {@code prefix}, either more steps or one text with dots. */
    private record Part(String prefix, List<Step> steps, String flat) {}

    private final List<SavedEntry> entries;
    private final Set<String> optimizers = new LinkedHashSet<>();
    private final Map<String, TensorKey> states = new LinkedHashMap<>();
    private final Map<String, GroupSetting> groupSettings = new LinkedHashMap<>();
    private final Map<String, ParameterSetting> parameterSettings = new LinkedHashMap<>();
    private final List<SavedEntry> others = new ArrayList<>();
    private final Set<String> parameters = new HashSet<>();
    private String modelRoot;
    private final Map<String, TensorKey> tensors = new LinkedHashMap<>();

    StateNames(List<SavedEntry> entries) {
        this.entries = entries;
        findOptimizers();
        for (SavedEntry entry : entries) {
            classify(entry);
        }
        findModel();
        nameTensors();
    }

    private void findOptimizers() {
        for (SavedEntry entry : entries) {
            for (Part part : parts(entry, GROUPS)) {
                boolean isGroup = part.flat == null
                        ? part.steps.size() >= 2 && part.steps.getFirst().index()
                        : part.flat.indexOf('.') > 0;
                if (isGroup) {
                    optimizers.add(part.prefix);
                }
            }
        }
    }

    /** The places at which {@code keyword} stands in the path of an entry, with what follows it. */
    private static List<Part> parts(SavedEntry entry, String keyword) {
        List<Step> path = entry.path() == null ? List.of(Step.key(entry.name())) : entry.path();
        List<Part> parts = new ArrayList<>(1);
        for (int at = 0; at < path.size() - 1; at++) {
            Step step = path.get(at);
            if (!step.index() && step.text().equals(keyword)) {
                parts.add(new Part(join(path.subList(0, at)), path.subList(at + 1, path.size()), null));
            }
        }
        Step last = path.getLast();
        String head = join(path.subList(0, path.size() - 1));
        for (int at = last.index() ? -1 : 0; at >= 0; at = entry.path() == null ? after(last.text(), at) : -1) {
            if (last.text().startsWith(keyword + '.', at)) {
                String inner = last.text().substring(0, Math.max(0, at - 1));
                parts.add(new Part(join(head, inner), List.of(), last.text().substring(at + keyword.length() + 1)));
            }
        }
        return parts;
    }

    private static int after(String text, int at) {
        int dot = text.indexOf('.', at);
        return dot < 0 ? -1 : dot + 1;
    }

    private static String join(List<Step> steps) {
        return String.join(".", steps.stream().map(Step::text).toList());
    }

    private static String join(String head, String tail) {
        return head.isEmpty() ? tail : tail.isEmpty() ? head : head + '.' + tail;
    }

    private void classify(SavedEntry entry) {
        for (Part part : parts(entry, GROUPS)) {
            if (optimizers.contains(part.prefix) && addSetting(entry, part)) {
                return;
            }
        }
        for (Part part : parts(entry, STATES)) {
            if (optimizers.contains(part.prefix) && addState(entry, part)) {
                return;
            }
        }
        others.add(entry);
    }

    private boolean addSetting(SavedEntry entry, Part part) {
        if (part.flat != null) {
            int dot = part.flat.lastIndexOf('.');
            if (dot <= 0) {
                return false;
            }
            parameterSettings.put(
                    entry.name(),
                    new ParameterSetting(part.prefix, part.flat.substring(0, dot), part.flat.substring(dot + 1)));
            return true;
        }
        if (part.steps.size() < 2
                || !part.steps.getFirst().index()
                || part.steps.getFirst().text().length() > 6) {
            return false;
        }
        groupSettings.put(
                entry.name(),
                new GroupSetting(
                        part.prefix,
                        Integer.parseInt(part.steps.getFirst().text()),
                        join(part.steps.subList(1, part.steps.size()))));
        return true;
    }

    private boolean addState(SavedEntry entry, Part part) {
        String parameter;
        String state;
        if (part.flat != null) {
            int dot = part.flat.lastIndexOf('.');
            parameter = dot <= 0 ? null : part.flat.substring(0, dot);
            state = part.flat.substring(dot + 1);
        } else {
            Step first = part.steps.getFirst();
            boolean isNumber = first.index() || part.steps.size() < 2;
            parameter = isNumber ? numbered(part.prefix, first.text()) : first.text();
            state = join(part.steps.subList(1, part.steps.size()));
        }
        if (parameter == null || parameter.isEmpty() || state.isEmpty()) {
            return false;
        }
        states.put(entry.name(), new TensorKey(parameter, state));
        boolean named = part.flat != null || !part.steps.getFirst().index();
        if (named && entry.isTensor()) {
            parameters.add(parameter);
        }
        return true;
    }

    /** The name of a parameter of which only its number in its optimizer is known. */
    static String numbered(String optimizer, String number) {
        return join(join(optimizer, STATES), number);
    }

    private void findModel() {
        Map<String, Set<String>> held = new LinkedHashMap<>();
        boolean atRoot = false;
        Set<String> heads = new LinkedHashSet<>();
        for (SavedEntry entry : others) {
            if (!entry.isTensor()) {
                continue;
            }
            List<Step> path = entry.path();
            if (path == null) {
                addPrefixes(entry.name(), held);
            } else if (!path.getLast().index()) {
                String head = join(path.subList(0, path.size() - 1));
                heads.add(head);
                held.computeIfAbsent(head, missing -> new HashSet<>())
                        .add(path.getLast().text());
            }
            atRoot |= path == null || path.size() < 2;
        }
        String found = chosen(held.entrySet().stream()
                .filter(entry -> !parameters.isEmpty() && entry.getValue().containsAll(parameters))
                .map(Map.Entry::getKey)
                .toList());
        if (found == null && !atRoot && heads.size() == 1) {
            found = heads.iterator().next();
        }
        if (found == null) {
            found = chosen(heads.stream().filter(StateNames::isModel).toList());
        }
        modelRoot = found == null || found.isEmpty() ? null : found;
    }

    /** Where paths are unknown, every dot may end the place of the model. */
    private void addPrefixes(String name, Map<String, Set<String>> held) {
        if (parameters.contains(name)) {
            held.computeIfAbsent("", missing -> new HashSet<>()).add(name);
        }
        for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
            if (parameters.contains(name.substring(dot + 1))) {
                held.computeIfAbsent(name.substring(0, dot), missing -> new HashSet<>())
                        .add(name.substring(dot + 1));
            }
        }
    }

    private static boolean isModel(String head) {
        return head.equals(MODEL) || head.endsWith('.' + MODEL);
    }

    /** The only one of several places, or the only one that is called a model (beside averages of it); else null. */
    private static String chosen(List<String> heads) {
        if (heads.size() == 1) {
            return heads.getFirst();
        }
        List<String> models = heads.stream().filter(StateNames::isModel).toList();
        return models.size() == 1 ? models.getFirst() : null;
    }

    private void nameTensors() {
        Map<String, TensorKey> named = new HashMap<>();
        Set<TensorKey> keys = new HashSet<>();
        boolean distinct = true;
        for (SavedEntry entry : others) {
            if (entry.isTensor()) {
                TensorKey key = new TensorKey(modelName(entry), MODEL);
                distinct &= keys.add(key);
                named.put(entry.name(), key);
            }
        }
        if (!distinct) {
            // What was taken off told two tensors apart.
            modelRoot = null;
        }
        for (SavedEntry entry : entries) {
            TensorKey state = states.get(entry.name());
            if (state != null && entry.isTensor()) {
                tensors.put(entry.name(), state);
            } else if (named.containsKey(entry.name())) {
                tensors.put(entry.name(), distinct ? named.get(entry.name()) : new TensorKey(entry.name(), MODEL));
            }
        }
    }

    private String modelName(SavedEntry entry) {
        boolean below = modelRoot != null && entry.name().startsWith(modelRoot + '.');
        if (below && entry.path() != null) {
            int steps = 0;
            String head = "";
            while (steps < entry.path().size() && !head.equals(modelRoot)) {
                head = join(entry.path().subList(0, ++steps));
            }
            below = head.equals(modelRoot) && steps < entry.path().size();
        }
        return below ? entry.name().substring(modelRoot.length() + 1) : entry.name();
    }

    /** The tensors by their name in the save: of the model, and states of optimizers. */
    Map<String, TensorKey> tensors() {
        return tensors;
    }

    /** The optimizer's state that an entry is, tensor or not, or null. */
    TensorKey findState(String name) {
        return states.get(name);
    }

    GroupSetting findGroupSetting(String name) {
        return groupSettings.get(name);
    }

    ParameterSetting findParameterSetting(String name) {
        return parameterSettings.get(name);
    }

    /** The places of optimizers in the dictionary, in its order. */
    Set<String> optimizers() {
        return optimizers;
    }

    /** The place of the model in the dictionary, which its names are without; null where they are whole. */
    String modelRoot() {
        return modelRoot;
    }
}
