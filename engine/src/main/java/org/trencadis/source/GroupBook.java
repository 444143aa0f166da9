package org.trencadis.source;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Group;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * Collects optimizer groups from the files of all ranks: names stage by stage, hyperparameters from the first file that
 * has them, the step of each parameter.
 */
public final class GroupBook {
    private static final String STEP = "step";
    /** The group's parameters: numbers, and names where the optimizer was given them. */
    private static final Set<String> MEMBERS = Set.of("params", "param_names");

    private static final class Draft {
        final LinkedHashSet<String> names = new LinkedHashSet<>();
        String name;
        boolean expert;
        List<Value.Entry> settings;
        String settingsFrom;
        Value groupStep;
    }

    private final List<Draft> groups = new ArrayList<>();
    private final Map<String, Value> steps = new HashMap<>();
    private final Map<String, String> stepsFrom = new HashMap<>();
    private String differing;
    private boolean withoutSettings;

    private Draft group(int number) {
        while (groups.size() <= number) {
            groups.add(new Draft());
        }
        return groups.get(number);
    }

    /** Adds names in flat order; names that the group has keep their place. */
    public void addMembers(int number, Collection<String> names) {
        group(number).names.addAll(names);
    }

    /** Marks a group whose parameters are experts. */
    public void setExpert(int number) {
        group(number).expert = true;
    }

    /**
     * Takes the hyperparameters of a group from one file.
     *
     * @param node the optimizer's {@code param_groups} entry, or null where the file has none
     * @param from the file, for findings
     */
    public void addSettings(int number, Node node, String from) throws IOException {
        if (node == null) {
            group(number);
            withoutSettings = true;
            return;
        }
        Map<String, Value> settings = new LinkedHashMap<>();
        Value[] step = new Value[1];
        node.forEachEntry((key, value) -> {
            String name = key.asText();
            if (name.equals(STEP)) {
                step[0] = number(value);
            } else if (!MEMBERS.contains(name)) {
                settings.put(name, value.toValue(Attachments.MAX_TENSOR_BYTES));
            }
        });
        addSettings(number, settings, step[0], from);
    }

    /**
     * Takes the hyperparameters of a group from one file.
     *
     * @param settings in file order
     * @param step of the whole group, or null
     */
    public void addSettings(int number, Map<String, Value> settings, Value step, String from) {
        Draft group = group(number);
        group.groupStep = step == null ? group.groupStep : step;
        List<Value.Entry> entries = new ArrayList<>();
        settings.forEach((name, value) -> entries.add(new Value.Entry(new Value.Text(name), value)));
        if (group.settings == null) {
            group.settings = entries;
            group.settingsFrom = from;
            group.expert |= new Value.Bool(true).equals(settings.get("moe"));
            group.name = settings.get("name") instanceof Value.Text text ? text.value() : null;
        } else if (differing == null && !group.settings.equals(entries)) {
            differing = "group " + number + " in " + from + " and in " + group.settingsFrom;
        }
    }

    /** Takes the step of one parameter from one of its owners. */
    public void addStep(String parameter, Value step, String from) throws SourceException {
        Value known = steps.putIfAbsent(parameter, step);
        if (known == null) {
            stepsFrom.put(parameter, from);
        } else if (!known.equals(step)) {
            throw new SourceException("the step of parameter " + parameter + " is " + print(step) + " in " + from
                    + " but " + print(known) + " in " + stepsFrom.get(parameter));
        }
    }

    /** A step as a value: a whole number where it is one. */
    public static Value number(Node node) throws IOException {
        if (node.kind() == Kind.REAL || node.kind() == Kind.TENSOR) {
            double real = node.asReal();
            return real == Math.rint(real) && Math.abs(real) < 1L << 53
                    ? new Value.Int((long) real)
                    : new Value.Real(real);
        }
        return new Value.Int(node.asLong());
    }

    private static String print(Value step) {
        return step instanceof Value.Int number
                ? number.value().toString()
                : Double.toString(((Value.Real) step).value());
    }

    /** Writes the groups, and findings about what their files disagree on. */
    public void write(CatalogBuilder builder) {
        for (int number = 0; number < groups.size(); number++) {
            Draft group = groups.get(number);
            List<Value.Entry> settings = new ArrayList<>(group.settings == null ? List.of() : group.settings);
            addSteps(group, settings);
            String name = group.name == null ? Integer.toString(number) : group.name;
            builder.addGroup(new Group(name, List.copyOf(group.names), group.expert, new Value.Mapping(settings)));
        }
        if (differing != null) {
            builder.addFinding(
                    "source.hyperparameters",
                    "hyperparameters of a group differ between ranks, the first rank's were taken: " + differing);
        }
        if (withoutSettings) {
            builder.addFinding(
                    "source.no-hyperparameters",
                    "the optimizer files do not say the hyperparameters of their groups (elastic save): only steps and"
                            + " states are known");
        }
    }

    private void addSteps(Draft group, List<Value.Entry> settings) {
        List<Value.Entry> each = new ArrayList<>();
        Value common = null;
        boolean agree = true;
        for (String name : group.names) {
            Value step = steps.get(name);
            if (step != null) {
                each.add(new Value.Entry(new Value.Text(name), step));
                agree &= common == null || common.equals(step);
                common = step;
            }
        }
        common = common == null ? group.groupStep : common;
        if (!agree) {
            settings.add(new Value.Entry(new Value.Text("steps"), new Value.Mapping(each)));
        } else if (common != null) {
            settings.add(new Value.Entry(new Value.Text(STEP), common));
        }
    }
}
