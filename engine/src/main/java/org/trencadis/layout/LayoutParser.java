package org.trencadis.layout;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** Turns a YAML document into a {@link Layout}; every word it does not know is refused. */
final class LayoutParser {
    private static final Pattern AXIS = Pattern.compile("[a-z][a-z0-9_]{0,15}");
    private static final int MAX_RANKS = 1 << 20;
    private static final int MAX_LAYERS = 1 << 20;

    private final String origin;
    private final Map<String, Long> values;
    private final Map<String, Long> own = new TreeMap<>();

    private LayoutParser(String origin, Map<String, Long> given) {
        this.origin = origin;
        this.values = new TreeMap<>(given);
    }

    static Layout parse(LayoutNode root, String origin, Map<String, Long> given) throws LayoutException {
        return new LayoutParser(origin, given).document(root);
    }

    private Layout document(LayoutNode root) throws LayoutException {
        Map<String, LayoutNode> keys = known(root, "a layout", LayoutKeys.DOCUMENT);
        LayoutNode version = keys.get("trencadis");
        if (version == null) {
            throw root.error("a layout begins with 'trencadis: " + Layout.VERSION + "', the version of the language");
        }
        if (version.number("trencadis", 0, Map.of()) != Layout.VERSION) {
            throw version.error("this version of the language is not known, only " + Layout.VERSION);
        }
        if (keys.containsKey("about")) {
            keys.get("about").text("about");
        }
        readValues(keys.get("values"));
        Mesh mesh = mesh(keys.get("mesh"), "mesh");
        Layout.Zero zero = zero(keys.get("zero"), mesh);
        Mesh expert = mesh(keys.get("expert"), "expert");
        checkExperts(keys.get("expert"), expert, mesh);
        Layout.PipelineRule pipeline = pipeline(keys.get("pipeline"));
        List<Rule> rules = new ArrayList<>();
        if (keys.containsKey("rules")) {
            for (LayoutNode rule : keys.get("rules").items("rules")) {
                rules.add(new RuleParser(rule, values).rule());
            }
        }
        return new Layout(origin, mesh, zero, expert, pipeline, rules, own);
    }

    /** The entries of a mapping whose keys are all known. */
    static Map<String, LayoutNode> known(LayoutNode node, String what, List<String> keys) throws LayoutException {
        Map<String, LayoutNode> entries = node.entries(what);
        for (Map.Entry<String, LayoutNode> entry : entries.entrySet()) {
            if (!keys.contains(entry.getKey())) {
                throw entry.getValue()
                        .error(what + " has no key '" + entry.getKey() + "'; known are " + String.join(", ", keys));
            }
        }
        return entries;
    }

    private void readValues(LayoutNode node) throws LayoutException {
        if (node == null) {
            return;
        }
        for (Map.Entry<String, LayoutNode> entry : node.entries("values").entrySet()) {
            if (!entry.getKey().matches("[A-Za-z_][A-Za-z0-9_]*")) {
                throw entry.getValue().error("'" + entry.getKey() + "' is no name of a number");
            }
            long number = entry.getValue().number("values." + entry.getKey(), 0, values);
            values.put(entry.getKey(), number);
            own.put(entry.getKey(), number);
        }
    }

    private Mesh mesh(LayoutNode node, String what) throws LayoutException {
        if (node == null) {
            return null;
        }
        List<Mesh.Axis> axes = new ArrayList<>();
        Set<String> names = new HashSet<>();
        long ranks = 1;
        for (LayoutNode item : node.items(what)) {
            Map.Entry<String, LayoutNode> axis = item.onlyEntry("an axis of " + what);
            String name = axis.getKey();
            if (!AXIS.matcher(name).matches() || !names.add(name)) {
                throw item.error("'" + name + "' is no name of an axis, or stands twice");
            }
            long along = axis.getValue().number("ranks of axis " + name, 1, values);
            if (along > MAX_RANKS || ranks * along > MAX_RANKS) {
                throw item.error(what + " has more than " + MAX_RANKS + " ranks");
            }
            ranks *= along;
            axes.add(new Mesh.Axis(name, (int) along));
        }
        return new Mesh(axes);
    }

    private static void checkExperts(LayoutNode node, Mesh expert, Mesh mesh) throws LayoutException {
        if (expert != null && !expert.has(Rule.EP)) {
            throw node.error("expert names the axis ep, as in [{edp: 2}, {ep: 2}]");
        }
        if (expert != null && mesh != null && mesh.ranks("dp") != expert.ranks()) {
            throw node.error(
                    "expert factorises the " + mesh.ranks("dp") + " ranks of axis dp; its axes have " + expert.ranks());
        }
    }

    private Layout.Zero zero(LayoutNode node, Mesh mesh) throws LayoutException {
        if (node == null) {
            return null;
        }
        Map<String, LayoutNode> keys = known(node, "zero", LayoutKeys.ZERO);
        LayoutNode stage = required(node, keys, "stage");
        long number = stage.number("stage", 0, values);
        if (number > 3) {
            throw stage.error("ZeRO has stages 0 to 3; found " + number);
        }
        List<String> over = List.of("dp");
        LayoutNode axes = keys.get("over");
        if (axes != null) {
            over = axes.texts("over");
            for (String axis : over) {
                if (mesh != null && !mesh.has(axis)) {
                    throw axes.error("the mesh has no axis '" + axis + "': " + mesh);
                }
            }
        }
        return new Layout.Zero((int) number, over);
    }

    static LayoutNode required(LayoutNode node, Map<String, LayoutNode> keys, String key) throws LayoutException {
        LayoutNode found = keys.get(key);
        if (found == null) {
            throw node.error("'" + key + "' is missing");
        }
        return found;
    }

    private Layout.PipelineRule pipeline(LayoutNode node) throws LayoutException {
        if (node == null) {
            return null;
        }
        Map<String, LayoutNode> keys = known(node, "pipeline", LayoutKeys.PIPELINE);
        long layers = keys.containsKey("layers") ? bounded(keys.get("layers"), "layers", MAX_LAYERS) : Rule.OPEN;
        int pieces = keys.containsKey("virtual") ? bounded(keys.get("virtual"), "virtual", MAX_RANKS) : 1;
        long[] counts = keys.containsKey("stages") ? keys.get("stages").numbers("stages", 0, values) : null;
        if (counts != null && (counts.length == 0 || keys.containsKey("split") || keys.containsKey("layers"))) {
            throw keys.get("stages")
                    .error("'stages' lists the layers of each stage; 'layers' and 'split' say the same");
        }
        String number = null;
        if (keys.containsKey("number")) {
            number = keys.get("number").text("number");
            RuleParser.checkPattern(keys.get("number"), number, 1);
        }
        return new Layout.PipelineRule(node.place(), layers, counts, split(keys.get("split")), pieces, number);
    }

    private int bounded(LayoutNode node, String what, int most) throws LayoutException {
        long number = node.number(what, 1, values);
        if (number > most) {
            throw node.error(what + " is from 1 to " + most + "; found " + number);
        }
        return (int) number;
    }

    private static Pipeline.Split split(LayoutNode node) throws LayoutException {
        if (node == null) {
            return Pipeline.Split.UNIFORM;
        }
        for (Pipeline.Split split : Pipeline.Split.values()) {
            if (split.name().toLowerCase(Locale.ROOT).equals(node.text("split"))) {
                return split;
            }
        }
        throw node.error("split is uniform or balanced; found '" + node.text("split") + "'");
    }
}
