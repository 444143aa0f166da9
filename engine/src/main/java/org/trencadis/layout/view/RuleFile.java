package org.trencadis.layout.view;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.index.Catalog;
import org.trencadis.index.View;
import org.trencadis.layout.LayoutException;
import org.trencadis.layout.LayoutNode;
import org.trencadis.layout.NamesDocument;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.BoxMap;

/**
 * The rules of a document's {@code names}, each of which works on what the one before it left.
 *
 * <pre>{@code
 * trencadis: 1
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
    /** The words of a rule by the one that says what it does. */
    private static final Map<String, List<String>> WORDS = new LinkedHashMap<>();

    static {
        WORDS.put("rename", List.of("rename"));
        WORDS.put("split", List.of("split", "into", "axis", "parts", "groups"));
        WORDS.put("join", List.of("join", "into", "axis", "parts", "groups"));
        WORDS.put("transpose", List.of("transpose", "into", "axes"));
        WORDS.put("unstack", List.of("unstack", "into", "axis", "number", "first"));
        WORDS.put("stack", List.of("stack", "into", "axis", "number", "first"));
        WORDS.put("naming", List.of("naming"));
    }

    /** A step and how it is told of when it matches nothing. */
    record Step(String text, NameRule rule) {}

    private final LayoutNode node;
    private final Map<String, LayoutNode> rule;
    private final Heads heads;

    private RuleFile(LayoutNode node, Map<String, LayoutNode> rule, Heads heads) {
        this.node = node;
        this.rule = rule;
        this.heads = heads;
    }

    /** The steps of a document's {@code names}. */
    static List<Step> steps(LayoutNode names, Catalog catalog, Names.Sight sight) throws LayoutException {
        Map<String, LayoutNode> entries = NamesDocument.known(names, "names", List.of("heads", "kv", "rules"));
        Heads heads = new Heads(catalog, findNumber(entries.get("heads")), findNumber(entries.get("kv")), true);
        LayoutNode rules = entries.get("rules");
        if (rules == null) {
            throw names.error("names have rules");
        }
        List<Step> steps = new ArrayList<>();
        for (LayoutNode node : rules.items("rules")) {
            String word = word(node);
            RuleFile rule = new RuleFile(node, NamesDocument.known(node, "a rule", WORDS.get(word)), heads);
            steps.add(new Step(node.place() + ": " + word, rule.step(word, catalog, sight)));
        }
        return steps;
    }

    private static Long findNumber(LayoutNode node) throws LayoutException {
        return node == null ? null : (Long) node.number("a number of heads", 1, Map.of());
    }

    private static String word(LayoutNode node) throws LayoutException {
        for (String word : WORDS.keySet()) {
            if (node.entries("a rule").containsKey(word)) {
                return word;
            }
        }
        throw node.error("a rule is one of " + String.join(", ", WORDS.keySet()) + "; found "
                + String.join(", ", node.entries("a rule").keySet()));
    }

    private NameRule step(String word, Catalog catalog, Names.Sight sight) throws LayoutException {
        return switch (word) {
            case "rename" -> rename();
            case "split" -> {
                List<NameTemplate> parts = templates("into");
                yield new Tie(List.of(template("split")), arrangement(parts.size()), parts)::split;
            }
            case "join" -> {
                List<NameTemplate> parts = templates("join");
                Tie tie = new Tie(List.of(template("into")), arrangement(parts.size()), parts);
                boolean divided = rule.containsKey("parts") || rule.containsKey("groups");
                yield divided ? tie::join : tie.endToEnd()::join;
            }
            case "transpose" -> transpose();
            case "unstack" -> {
                Stacked stacked = new Stacked(template("unstack"), numbered("into"), place(), axis(), first());
                yield tensors -> stacked.unstack(tensors, 1);
            }
            case "stack" -> new Stacked(template("into"), numbered("stack"), place(), axis(), first())::stack;
            default -> new LateNaming(Naming.parse(rule.get("naming").text("naming")), catalog, sight);
        };
    }

    private NameRule rename() throws LayoutException {
        List<Rename> renames = new ArrayList<>();
        for (Map.Entry<String, LayoutNode> entry :
                rule.get("rename").entries("rename").entrySet()) {
            try {
                renames.add(Rename.of(entry.getKey(), entry.getValue().text("a name")));
            } catch (LayoutException e) {
                throw node.error(e.getMessage());
            }
        }
        return tensors -> Rename.apply(renames, tensors, new HashSet<>());
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
            for (NameRule each : rules) {
                changed |= each.apply(tensors);
            }
            return changed;
        }
    }

    private NameRule transpose() throws LayoutException {
        NameTemplate from = template("transpose");
        NameTemplate to = rule.containsKey("into") ? template("into") : from;
        List<Integer> given = new ArrayList<>();
        if (rule.containsKey("axes")) {
            for (LayoutNode axis : rule.get("axes").items("axes")) {
                given.add((int) axis.number("an axis", 0, Map.of()));
            }
        }
        return tensors -> {
            boolean changed = false;
            for (String name : tensors.names()) {
                Map<String, String> places = from.find(name);
                if (places != null) {
                    View view = tensors.take(name);
                    tensors.put(turned(view, to.fill(places), given), node.place());
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
                throw node.error(given + " is no order of the " + order + " axes of " + view.name());
            }
        }
        long[] shape = new long[order];
        Arrays.setAll(shape, axis -> view.shape()[axes[axis]]);
        BoxMap map = new BoxMap(Box.whole(view.shape()), Box.whole(shape), axes);
        return new View(name, shape, ViewSet.through(view, List.of(map)));
    }

    /** Equal parts, given parts, or an attention layer's. */
    private Arrangement arrangement(int parts) throws LayoutException {
        LayoutNode groups = rule.get("groups");
        if (groups != null && !groups.isNumber()) {
            if (!groups.text("groups").equals("attention") || parts != 3 || rule.containsKey("parts")) {
                throw groups.error("groups are a number, or 'attention' for query, key and value");
            }
            return new Arrangement(false, axis(), heads);
        }
        long[] weights = new long[parts];
        Arrays.fill(weights, 1);
        if (rule.containsKey("parts")) {
            List<LayoutNode> given = rule.get("parts").items("parts");
            if (given.size() != parts) {
                throw rule.get("parts").error(parts + " names, but " + given.size() + " parts");
            }
            for (int part = 0; part < parts; part++) {
                weights[part] = given.get(part).number("a part", 1, Map.of());
            }
        }
        long turns = groups == null ? 1 : groups.number("groups", 1, Map.of());
        Arrangement.Division division = new Arrangement.Division(turns, weights);
        return new Arrangement(false, axis(), () -> division);
    }

    private int axis() throws LayoutException {
        long axis = rule.containsKey("axis") ? rule.get("axis").number("axis", 0, Map.of()) : 0;
        if (axis >= 64) {
            throw node.error("no tensor has an axis " + axis);
        }
        return (int) axis;
    }

    private long first() throws LayoutException {
        return rule.containsKey("first") ? rule.get("first").number("first", 0, Map.of()) : 0;
    }

    private String place() throws LayoutException {
        return rule.containsKey("number") ? rule.get("number").text("number") : "i";
    }

    private LayoutNode given(String key) throws LayoutException {
        LayoutNode value = rule.get(key);
        if (value == null) {
            throw node.error("'" + key + "' is missing");
        }
        return value;
    }

    /** The name of each tensor of a stack. */
    private NameTemplate numbered(String key) throws LayoutException {
        NameTemplate template = template(key);
        if (!template.hasNumber(place())) {
            throw given(key)
                    .error("'" + template + "' holds no place {" + place() + "} for the number in the stack;"
                            + " 'number' says what it is called");
        }
        return template;
    }

    private NameTemplate template(String key) throws LayoutException {
        return template(given(key), key);
    }

    private NameTemplate template(LayoutNode value, String what) throws LayoutException {
        try {
            return NameTemplate.of(value.text(what));
        } catch (LayoutException e) {
            throw e.getMessage().startsWith("names:") ? value.error(e.getMessage()) : e;
        }
    }

    private List<NameTemplate> templates(String key) throws LayoutException {
        List<NameTemplate> templates = new ArrayList<>();
        for (LayoutNode item : given(key).items(key)) {
            templates.add(template(item, "a name"));
        }
        if (templates.isEmpty()) {
            throw given(key).error("no names");
        }
        return templates;
    }
}
