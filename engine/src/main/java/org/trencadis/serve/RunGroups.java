package org.trencadis.serve;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.Group;
import org.trencadis.torch.Emittable;
import org.trencadis.torch.Pickler;

/** Optimizer groups as a torch optimizer's {@code param_groups}, and the step of each parameter. */
final class RunGroups {
    private static final String STEP = "step";
    private static final String STEPS = "steps";

    /** A group's hyperparameters without its step. */
    private record Settings(List<Value.Entry> entries, Step step) {}

    private final List<Group> groups;
    private final List<Settings> settings = new ArrayList<>();
    private final Map<String, Step> steps = new HashMap<>();

    private RunGroups(List<Group> groups) {
        this.groups = groups;
    }

    /**
     * Reads the groups of a catalog.
     *
     * @param notices is told what is left out
     */
    static RunGroups read(Catalog catalog, Consumer<String> notices) throws IOException {
        RunGroups read = new RunGroups(catalog.groups());
        for (Group group : read.groups) {
            read.add(group, notices);
        }
        return read;
    }

    private static boolean isStep(Value key) {
        return key instanceof Value.Text text
                && (text.value().equals(STEP) || text.value().equals(STEPS));
    }

    private void add(Group group, Consumer<String> notices) {
        List<Value.Entry> kept = new ArrayList<>();
        Value common = group.settings().find(STEP);
        Value each = group.settings().find(STEPS);
        boolean isTensor = Step.isTensor(group.settings());
        Step step = common == null ? null : new Step(ValueTree.real(common, 0), isTensor);
        for (Value.Entry entry : group.settings().entries()) {
            if (isStep(entry.key())) {
                continue;
            }
            Value value = Emittable.clean(entry.value(), "group " + group.name() + ", " + label(entry), notices);
            if (value != null && entry.key() instanceof Value.Text) {
                kept.add(new Value.Entry(entry.key(), value));
            }
        }
        if (step != null) {
            group.parameters().forEach(name -> steps.putIfAbsent(name, step));
        }
        if (each instanceof Value.Mapping mapping) {
            for (Value.Entry entry : mapping.entries()) {
                if (entry.key() instanceof Value.Text name) {
                    steps.putIfAbsent(name.value(), new Step(ValueTree.real(entry.value(), 0), isTensor));
                }
            }
        }
        settings.add(new Settings(kept, step != null ? step : firstStep(group)));
    }

    private Step firstStep(Group group) {
        for (String name : group.parameters()) {
            if (steps.containsKey(name)) {
                return steps.get(name);
            }
        }
        return null;
    }

    private static String label(Value.Entry entry) {
        return entry.key() instanceof Value.Text text ? text.value() : "?";
    }

    /** Whether parameters of one group have different steps. */
    boolean hasDifferingSteps() {
        return groups.stream().anyMatch(group -> group.settings().find(STEPS) != null);
    }

    List<Group> groups() {
        return groups;
    }

    /** The number of updates of a parameter, or null where it is not known. */
    Step findStep(String parameter) {
        return steps.get(parameter);
    }

    /** The step of the group's parameters, the first one's where they differ, or null. */
    Step findStep(int group) {
        return settings.get(group).step();
    }

    /** Writes the list of groups. As in DeepSpeed's own files each has one flat parameter, named by its number. */
    void writeParamGroups(Pickler pickler) throws IOException {
        pickler.list(groups.size(), () -> {
            for (int number = 0; number < groups.size(); number++) {
                writeGroup(pickler, number);
            }
        });
    }

    private void writeGroup(Pickler pickler, int number) throws IOException {
        List<Value.Entry> entries = settings.get(number).entries();
        pickler.dict(entries.size() + 1, () -> {
            for (Value.Entry entry : entries) {
                pickler.value(entry.key());
                pickler.value(entry.value());
            }
            pickler.text("params");
            pickler.list(1, () -> pickler.integer(number));
        });
    }
}
