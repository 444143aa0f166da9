package org.trencadis.source.dcp;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
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
    private static final String GROUPS = "param_groups";
    private static final String STATES = "state";
    private static final Pattern NUMBER = Pattern.compile("\\d+");

    /** A hyperparameter of the group number {@code group} of an optimizer. */
    record GroupSetting(String optimizer, int group, String key) {}

    /** A hyperparameter of one parameter, of whose group nothing is said. */
    record ParameterSetting(String optimizer, String parameter, String key) {}

    private final List<SavedEntry> entries;
    private final Set<String> optimizers = new LinkedHashSet<>();
    private final Set<String> numberNames = new HashSet<>();
    private final Map<String, TensorKey> states = new LinkedHashMap<>();
    private final Map<String, GroupSetting> groupSettings = new LinkedHashMap<>();
    private final Map<String, ParameterSetting> parameterSettings = new LinkedHashMap<>();
    private final List<SavedEntry> others = new ArrayList<>();
    private final Set<String> parameters = new HashSet<>();
    /** Of several optimizers, whose a state or setting is, by entry, and the parameters of each. */
    private final Map<String, String> owners = new HashMap<>();

    private final Map<String, Set<String>> parametersOf = new LinkedHashMap<>();
    private Map<String, String> scopes = Map.of();
    private String modelRoot;
    private final Map<String, TensorKey> tensors = new LinkedHashMap<>();

    StateNames(List<SavedEntry> entries) {
        this.entries = entries;
        findOptimizers();
        findNumberNames();
        for (SavedEntry entry : entries) {
            classify(entry);
        }
        ModelRoot model = ModelRoot.of(others, parameters);
        modelRoot = model.place();
        scopes = OptimizerScopes.of(parametersOf, model.held(), modelRoot);
        owners.forEach(this::scope);
        nameTensors();
    }

    /** Puts the scope of the owner before the parameter of an entry. */
    private void scope(String entry, String optimizer) {
        states.computeIfPresent(entry, (name, state) -> new TensorKey(scoped(optimizer, state.name()), state.state()));
        parameterSettings.computeIfPresent(
                entry,
                (name, setting) ->
                        new ParameterSetting(optimizer, scoped(optimizer, setting.parameter()), setting.key()));
    }

    /** What the catalog calls a parameter that {@code optimizer} calls {@code name}. */
    String scoped(String optimizer, String name) {
        return scopes.getOrDefault(optimizer, "") + name;
    }

    private void findOptimizers() {
        for (SavedEntry entry : entries) {
            for (PathPart part : PathPart.find(entry, GROUPS)) {
                boolean isGroup = part.flat() == null
                        ? part.steps().size() >= 2 && part.steps().getFirst().index()
                        : part.flat().indexOf('.') > 0;
                if (isGroup) {
                    optimizers.add(part.prefix());
                }
            }
        }
    }

    /** Numbers that are names of tensors: a list of parameters may be all of a model. */
    private void findNumberNames() {
        for (SavedEntry entry : entries) {
            Step last =
                    entry.path() == null ? Step.key(entry.name()) : entry.path().getLast();
            String text = last.text().substring(last.text().lastIndexOf('.') + 1);
            if (entry.isTensor() && !last.index() && NUMBER.matcher(text).matches()) {
                numberNames.add(text);
            }
        }
    }

    private void classify(SavedEntry entry) {
        for (PathPart part : PathPart.find(entry, GROUPS)) {
            if (optimizers.contains(part.prefix()) && addSetting(entry, part)) {
                return;
            }
        }
        for (PathPart part : PathPart.find(entry, STATES)) {
            if (optimizers.contains(part.prefix()) && addState(entry, part)) {
                return;
            }
        }
        others.add(entry);
    }

    private boolean addSetting(SavedEntry entry, PathPart part) {
        if (part.flat() != null) {
            int dot = part.flat().lastIndexOf('.');
            if (dot <= 0) {
                return false;
            }
            String parameter = part.flat().substring(0, dot);
            parameterSettings.put(
                    entry.name(),
                    new ParameterSetting(part.prefix(), parameter, part.flat().substring(dot + 1)));
            addOwner(entry, part, parameter);
            return true;
        }
        if (part.steps().size() < 2
                || !part.steps().getFirst().index()
                || part.steps().getFirst().text().length() > 6) {
            return false;
        }
        groupSettings.put(
                entry.name(),
                new GroupSetting(
                        part.prefix(),
                        Integer.parseInt(part.steps().getFirst().text()),
                        PathPart.join(part.steps().subList(1, part.steps().size()))));
        return true;
    }

    private boolean addState(SavedEntry entry, PathPart part) {
        String parameter;
        String state;
        if (part.flat() != null) {
            int dot = part.flat().lastIndexOf('.');
            parameter = dot <= 0 ? null : part.flat().substring(0, dot);
            state = part.flat().substring(dot + 1);
        } else {
            parameter = part.steps().getFirst().text();
            state = PathPart.join(part.steps().subList(1, part.steps().size()));
        }
        if (parameter == null || parameter.isEmpty() || state.isEmpty()) {
            return false;
        }
        boolean isListed = part.flat() == null && part.steps().getFirst().index();
        if (isListed || isNumber(parameter)) {
            states.put(entry.name(), new TensorKey(numbered(part.prefix(), parameter), state));
            return true;
        }
        states.put(entry.name(), new TensorKey(parameter, state));
        if (entry.isTensor()) {
            parameters.add(parameter);
        }
        addOwner(entry, part, parameter);
        return true;
    }

    /** Whether a parameter is called by its number in its optimizer: torch flattens numbers to texts. */
    private boolean isNumber(String parameter) {
        return NUMBER.matcher(parameter).matches() && !numberNames.contains(parameter);
    }

    private void addOwner(SavedEntry entry, PathPart part, String parameter) {
        if (optimizers.size() > 1) {
            owners.put(entry.name(), part.prefix());
            parametersOf
                    .computeIfAbsent(part.prefix(), missing -> new HashSet<>())
                    .add(parameter);
        }
    }

    /** The name of a parameter of which only its number in its optimizer is known. */
    static String numbered(String optimizer, String number) {
        return PathPart.join(states(optimizer), number);
    }

    /** The place of the states of an optimizer. */
    static String states(String optimizer) {
        return PathPart.join(optimizer, STATES);
    }

    private void nameTensors() {
        Map<String, TensorKey> named = new HashMap<>();
        Set<TensorKey> keys = new HashSet<>();
        boolean distinct = true;
        for (SavedEntry entry : others) {
            if (entry.isTensor()) {
                TensorKey key = new TensorKey(modelName(entry), ModelRoot.MODEL);
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
                tensors.put(
                        entry.name(),
                        distinct ? named.get(entry.name()) : new TensorKey(entry.name(), ModelRoot.MODEL));
            }
        }
    }

    private String modelName(SavedEntry entry) {
        boolean below = modelRoot != null && entry.name().startsWith(modelRoot + '.');
        if (below && entry.path() != null) {
            int steps = 0;
            String head = "";
            while (steps < entry.path().size() && !head.equals(modelRoot)) {
                head = PathPart.join(entry.path().subList(0, ++steps));
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
