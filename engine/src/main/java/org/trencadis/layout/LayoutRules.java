package org.trencadis.layout;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Finds the rule of each parameter, applies it, and remembers which rules held for any. */
public final class LayoutRules {
    private static final String EXPERT = "expert";

    private final Layout layout;
    private final NamePatterns patterns;
    private final Map<String, Rule> rules = new HashMap<>();
    private final Map<String, Pattern> numbered = new HashMap<>();
    private final Set<String> used = new HashSet<>();

    public LayoutRules(Layout layout) throws LayoutException {
        this.layout = layout;
        List<String> expressions = new ArrayList<>();
        for (Rule rule : layout.rules()) {
            if (rules.putIfAbsent(rule.match(), rule) != null) {
                throw new LayoutException(rule.place() + ": rule " + rule.match() + " stands twice");
            }
            expressions.add(rule.match());
            if (rule.expert() != null && rule.expert().dim() < 0) {
                numbered.put(rule.match(), Pattern.compile(rule.match().replace("(?P<", "(?<")));
            }
        }
        this.patterns = new NamePatterns(expressions, layout.origin());
    }

    public Layout layout() {
        return layout;
    }

    /** The first rule that matches from the start of {@code name}, or null. */
    public Rule find(String name) throws LayoutException {
        String found = patterns.find(name);
        if (found == null) {
            return null;
        }
        used.add(found);
        return rules.get(found);
    }

    /**
     * The whole tensor of which ranks hold shards.
     *
     * @param mesh of the ranks that hold it
     * @param shapes by rank of {@code mesh}; null where a rank has no such parameter
     * @throws LayoutException where the rule does not fit the shapes
     */
    public static Placement join(Rule rule, String name, Mesh mesh, long[][] shapes) throws LayoutException {
        return new RulePlacement(rule, name, mesh).join(shapes);
    }

    /**
     * The shards that the ranks of a mesh hold of a whole tensor, by rank; rows that pad it are a margin.
     *
     * @param shape logical extents
     */
    public static Placement cut(Rule rule, String name, Mesh mesh, long[] shape) throws LayoutException {
        return new RulePlacement(rule, name, mesh).place(shape);
    }

    /** Whether the rule is of parameters that are one expert's each, numbered from the rank's first. */
    public static boolean isNumbered(Rule rule) {
        return rule.expert() != null && rule.expert().dim() < 0;
    }

    /**
     * The name that all ranks agree on, with the expert's number among all.
     *
     * @param first number of the rank's first expert
     */
    public String globalName(Rule rule, String name, long first) throws LayoutException {
        Matcher matcher = numbered.get(rule.match()).matcher(name);
        if (!matcher.lookingAt() || matcher.group(EXPERT) == null) {
            throw rule.error(name, "its group 'expert' is no part of the name");
        }
        String digits = matcher.group(EXPERT);
        if (!digits.matches("[0-9]{1,7}")) {
            throw rule.error(name, "its group 'expert' is no number: '" + digits + "'");
        }
        long number = Long.parseLong(digits) + first;
        if (rule.expert().count() != Rule.OPEN && number >= rule.expert().count()) {
            throw rule.error(
                    name,
                    "expert " + number + " is beyond the declared "
                            + rule.expert().count());
        }
        return name.substring(0, matcher.start(EXPERT)) + number + name.substring(matcher.end(EXPERT));
    }

    /** Checks that every rule that is not optional held for a parameter. */
    public void checkUsed() throws LayoutException {
        for (Rule rule : layout.rules()) {
            if (!rule.optional() && !used.contains(rule.match())) {
                throw new LayoutException(rule.place() + ": rule " + rule.match()
                        + " holds for no parameter: none matches, or rules before it match first; say 'optional: true'"
                        + " where that is meant");
            }
        }
    }

    /**
     * Checks a mesh that the files say against the layout's.
     *
     * @param ranks along the axis
     * @throws LayoutException where they differ
     */
    public void checkAxis(String axis, long ranks, String source) throws LayoutException {
        Mesh mesh = layout.mesh();
        if (mesh != null && mesh.ranks(axis) != ranks) {
            throw new LayoutException(layout.origin() + ": the mesh " + mesh + " has " + mesh.ranks(axis)
                    + " ranks of axis " + axis + "; " + source + " has " + ranks);
        }
    }
}
