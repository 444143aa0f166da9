package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.trencadis.index.Catalog;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;

/**
 * The rules of a document's {@code names}, each of which works on what the one before it left.
 *
 * <pre>{@code
 * names:
 *   heads: 32
 *   kv: 8
 *   rules:
 *   - {rename: {'module\.': ''}}
 *   - {split: 'layers.{n}.qkv.{w}', into: ['{n}.q.{w}', '{n}.k.{w}', '{n}.v.{w}'], groups: attention}
 *   - {join: ['{n}.gate.weight', '{n}.up.weight'], into: '{n}.gate_up.weight', axis: 0}
 *   - {transpose: 'h.{n}.c_fc.weight'}
 *   - {unstack: 'layers.{rest**}', into: 'layers.{i}.{rest**}', number: i}
 *   - {naming: megatron-llama}
 * }</pre>
 */
final class RuleFile {
    /** A step and how it is told of when it matches nothing. */
    record Step(String text, NameRule rule) {}

    /** A rule as it stands in the document. */
    private final Map<String, Object> rule;

    private final String where;
    private final Heads heads;

    private RuleFile(Map<String, Object> rule, String where, Heads heads) {
        this.rule = rule;
        this.where = where;
        this.heads = heads;
    }

    /**
     * The steps of a document.
     *
     * @param document mappings, lists, text and whole numbers, as a parser gives them
     * @param file names it in messages
     */
    static List<Step> steps(Object document, String file, Catalog catalog, Names.Sight sight) throws LayoutException {
        Map<String, Object> whole = mapping(document, file + ": a document");
        Map<String, Object> names = mapping(whole.get("names"), file + ": names");
        checkKeys(names, Set.of("heads", "kv", "rules"), file + ": names");
        String at = file + ": names";
        Heads heads = new Heads(catalog, number(names, "heads", at), number(names, "kv", at), true);
        List<Step> steps = new ArrayList<>();
        for (Object item : list(names.get("rules"), file + ": names: rules")) {
            String where = file + ": rule " + (steps.size() + 1);
            Map<String, Object> rule = mapping(item, where);
            NameRule step = new RuleFile(rule, where, heads).step(catalog, sight);
            steps.add(new Step(where + " (" + rule.keySet().iterator().next() + ")", step));
        }
        return steps;
    }

    private NameRule step(Catalog catalog, Names.Sight sight) throws LayoutException {
        if (rule.containsKey("rename")) {
            checkKeys(Set.of("rename"));
            List<Rename> renames = new ArrayList<>();
            for (Map.Entry<String, Object> entry :
                    mapping(rule.get("rename"), where).entrySet()) {
                renames.add(Rename.of(entry.getKey(), text(entry.getValue())));
            }
            return tensors -> Rename.apply(renames, tensors, new java.util.HashSet<>());
        }
        if (rule.containsKey("split")) {
            checkKeys(Set.of("split", "into", "axis", "parts", "groups"));
            List<NameTemplate> parts = templates("into");
            return new Tie(List.of(template("split")), arrangement(parts.size()), parts)::split;
        }
        if (rule.containsKey("join")) {
            checkKeys(Set.of("join", "into", "axis", "parts", "groups"));
            List<NameTemplate> parts = templates("join");
            Tie tie = new Tie(List.of(template("into")), arrangement(parts.size()), parts);
            return rule.containsKey("parts") || rule.containsKey("groups") ? tie::join : tie.endToEnd()::join;
        }
        if (rule.containsKey("transpose")) {
            checkKeys(Set.of("transpose", "into", "axes"));
            return transpose();
        }
        if (rule.containsKey("unstack")) {
            checkKeys(Set.of("unstack", "into", "axis", "number", "first"));
            Stacked stacked = new Stacked(template("unstack"), template("into"), place(), axis(), first());
            return tensors -> stacked.unstack(tensors, 1);
        }
        if (rule.containsKey("stack")) {
            checkKeys(Set.of("stack", "into", "axis", "number", "first"));
            return new Stacked(template("into"), template("stack"), place(), axis(), first())::stack;
        }
        if (rule.containsKey("naming")) {
            checkKeys(Set.of("naming"));
            Naming naming = Naming.parse(text(rule.get("naming")));
            return new LateNaming(naming, catalog, sight);
        }
        throw new LayoutException(
                where + ": expected rename, split, join, transpose, unstack, stack or naming, found " + rule.keySet());
    }

    /** A naming whose rules depend on the names that the rules before it leave, in all states. */
    private static final class LateNaming implements NameRule {
        private final Naming naming;
        private final Catalog catalog;
        private final Names.Sight sight;
        private List<NameRule> rules;

        LateNaming(Naming naming, Catalog catalog, Names.Sight sight) {
            this.naming = naming;
            this.catalog = catalog;
            this.sight = sight;
        }

        @Override
        public boolean apply(ViewSet tensors) throws LayoutException {
            if (rules == null) {
                rules = naming.rules(sight.namesBefore(this), catalog);
            }
            boolean changed = false;
            for (NameRule rule : rules) {
                changed |= rule.apply(tensors);
            }
            return changed;
        }
    }

    private NameRule transpose() throws LayoutException {
        NameTemplate from = template("transpose");
        NameTemplate to = rule.containsKey("into") ? template("into") : from;
        List<Integer> given = new ArrayList<>();
        if (rule.containsKey("axes")) {
            for (Object axis : list(rule.get("axes"), where + ": axes")) {
                given.add((int) number(axis));
            }
        }
        return tensors -> {
            boolean changed = false;
            for (String name : tensors.names()) {
                Map<String, String> places = from.find(name);
                if (places != null) {
                    View view = tensors.take(name);
                    tensors.put(turned(view, to.fill(places), given), where);
                    changed = true;
                }
            }
            return changed;
        };
    }

    private View turned(View view, String name, List<Integer> given) throws LayoutException {
        int order = view.shape().length;
        int[] axes = new int[order];
        Arrays.setAll(axes, axis -> given.isEmpty() ? order - 1 - axis : axis < given.size() ? given.get(axis) : -1);
        int[] sorted = axes.clone();
        Arrays.sort(sorted);
        for (int axis = 0; axis < order; axis++) {
            if (sorted[axis] != axis || !given.isEmpty() && given.size() != order) {
                throw new LayoutException(
                        where + ": " + given + " is no order of the " + order + " axes of " + view.name());
            }
        }
        long[] shape = new long[order];
        Arrays.setAll(shape, axis -> view.shape()[axes[axis]]);
        BoxMap map = new BoxMap(Box.whole(view.shape()), Box.whole(shape), axes);
        return new View(name, shape, ViewSet.through(view, List.of(map)));
    }

    /** Equal parts, given parts, or an attention layer's. */
    private Arrangement arrangement(int parts) throws LayoutException {
        Object groups = rule.getOrDefault("groups", 1L);
        if (groups.equals("attention")) {
            if (parts != 3 || rule.containsKey("parts")) {
                throw new LayoutException(where + ": groups: attention is for query, key and value");
            }
            return new Arrangement(false, axis(), heads);
        }
        long[] weights = new long[parts];
        Arrays.fill(weights, 1);
        if (rule.containsKey("parts")) {
            List<Object> given = list(rule.get("parts"), where + ": parts");
            if (given.size() != parts) {
                throw new LayoutException(where + ": " + parts + " names, but " + given.size() + " parts");
            }
            for (int part = 0; part < parts; part++) {
                weights[part] = number(given.get(part));
            }
        }
        Arrangement.Division division = new Arrangement.Division(number(groups), weights);
        if (division.groups() < 1 || Arrays.stream(weights).anyMatch(weight -> weight < 1)) {
            throw new LayoutException(where + ": parts and groups are 1 or more");
        }
        return new Arrangement(false, axis(), () -> division);
    }

    private int axis() throws LayoutException {
        long axis = number(rule.getOrDefault("axis", 0L));
        if (axis < 0 || axis >= 64) {
            throw new LayoutException(where + ": axis " + axis);
        }
        return (int) axis;
    }

    private long first() throws LayoutException {
        return number(rule.getOrDefault("first", 0L));
    }

    private String place() throws LayoutException {
        return text(rule.getOrDefault("number", "i"));
    }

    private NameTemplate template(String key) throws LayoutException {
        if (!rule.containsKey(key)) {
            throw new LayoutException(where + ": " + key + " is missing");
        }
        return NameTemplate.of(text(rule.get(key)));
    }

    private List<NameTemplate> templates(String key) throws LayoutException {
        List<NameTemplate> templates = new ArrayList<>();
        for (Object item : list(rule.get(key), where + ": " + key)) {
            templates.add(NameTemplate.of(text(item)));
        }
        if (templates.isEmpty()) {
            throw new LayoutException(where + ": " + key + " has no names");
        }
        return templates;
    }

    private void checkKeys(Set<String> known) throws LayoutException {
        checkKeys(rule, known, where);
    }

    private static void checkKeys(Map<String, Object> mapping, Set<String> known, String where) throws LayoutException {
        for (String key : mapping.keySet()) {
            if (!known.contains(key)) {
                throw new LayoutException(where + ": '" + key + "' is none of " + String.join(", ", known));
            }
        }
    }

    private String text(Object value) throws LayoutException {
        if (value instanceof String || value instanceof Long) {
            return value.toString();
        }
        throw new LayoutException(where + ": expected text, found " + value);
    }

    private long number(Object value) throws LayoutException {
        if (value instanceof Long number) {
            return number;
        }
        throw new LayoutException(where + ": expected a whole number, found " + value);
    }

    private static Long number(Map<String, Object> mapping, String key, String where) throws LayoutException {
        Object value = mapping.get(key);
        if (value == null || value instanceof Long number && number > 0 && number < 1_000_000_000) {
            return (Long) value;
        }
        throw new LayoutException(where + ": " + key + ": expected a number above 0, found " + value);
    }

    @SuppressWarnings("unchecked") // keys of a document are text
    private static Map<String, Object> mapping(Object value, String where) throws LayoutException {
        if (value instanceof Map<?, ?> map && map.keySet().stream().allMatch(String.class::isInstance)) {
            return (Map<String, Object>) map;
        }
        throw new LayoutException(where + ": expected a mapping, found " + value);
    }

    @SuppressWarnings("unchecked")
    private static List<Object> list(Object value, String where) throws LayoutException {
        if (value instanceof List<?> list) {
            return (List<Object>) list;
        }
        throw new LayoutException(where + ": expected a list, found " + value);
    }
}
