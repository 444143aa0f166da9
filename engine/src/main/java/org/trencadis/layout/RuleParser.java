package org.trencadis.layout;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.trencadis.layout.Rule.Expert;
import org.trencadis.layout.Rule.Held;
import org.trencadis.layout.Rule.Pad;
import org.trencadis.layout.Rule.Part;
import org.trencadis.layout.Rule.Shard;
import org.trencadis.tensor.Shapes;

/** Turns one entry of {@code rules} into a {@link Rule}. */
final class RuleParser {
    /** Parts that an axis may have. */
    private static final int MAX_PARTS = 1 << 12;

    private final LayoutNode node;
    private final Map<String, Long> values;

    RuleParser(LayoutNode node, Map<String, Long> values) {
        this.node = node;
        this.values = values;
    }

    Rule rule() throws LayoutException {
        Map<String, LayoutNode> keys = LayoutParser.known(node, "a rule", LayoutKeys.RULE);
        LayoutNode match = LayoutParser.required(node, keys, "match");
        checkPattern(match, match.text("match"), 0);
        Held held = held(keys);
        LayoutNode flag = keys.get("optional");
        Expert expert = expert(keys.get("expert"));
        List<Shard> shards = keys.containsKey("shard") ? shards(keys.get("shard")) : new ArrayList<>();
        if (expert != null && expert.dim() >= 0) {
            if (held == Held.UNIQUE || held == Held.AVERAGE) {
                throw node.error("experts on an axis of a parameter stand with shard or replicate, or alone");
            }
            held = Held.SHARD;
            shards.add(new Shard(expert.dim(), Rule.EP, 1, List.of(new Part("experts", expert.count(), 0, null))));
        }
        checkDistinct(shards);
        return new Rule(
                node.place(),
                match.text("match"),
                flag != null && flag.flag("optional"),
                held,
                view(keys.get("view")),
                List.copyOf(shards),
                expert,
                pad(keys.get("pad")));
    }

    /** A pattern that Java's expressions can say, with at least {@code groups} groups. */
    static void checkPattern(LayoutNode node, String text, int groups) throws LayoutException {
        try {
            Pattern pattern = Pattern.compile(text.replace("(?P<", "(?<"));
            if (pattern.matcher("").groupCount() < groups) {
                throw node.error("'" + text + "' has no group, as in layers\\.(\\d+)\\.");
            }
        } catch (PatternSyntaxException | StackOverflowError e) {
            throw new LayoutException(node.place() + ": '" + text + "' is no regular expression", e);
        }
    }

    private Held held(Map<String, LayoutNode> keys) throws LayoutException {
        Held found = null;
        for (Held held : Held.values()) {
            String key = held.name().toLowerCase(java.util.Locale.ROOT);
            if (keys.containsKey(key)) {
                if (found != null) {
                    throw node.error("a rule says one of unique, replicate, average, shard");
                }
                found = held;
            }
        }
        for (String empty : List.of("unique", "replicate", "average")) {
            if (keys.containsKey(empty)) {
                LayoutParser.known(keys.get(empty), empty, List.of());
            }
        }
        if (found == null && !keys.containsKey("expert")) {
            throw node.error("a rule says what ranks hold: unique, replicate, average, shard or expert");
        }
        return found == null ? Held.REPLICATE : found;
    }

    private int dim(LayoutNode dim) throws LayoutException {
        long axis = dim.number("dim", 0, values);
        if (axis >= Shapes.MAX_ORDER) {
            throw dim.error("dim is from 0 to " + (Shapes.MAX_ORDER - 1) + "; found " + axis);
        }
        return (int) axis;
    }

    private List<Shard> shards(LayoutNode shard) throws LayoutException {
        List<Shard> shards = new ArrayList<>();
        if (shard.isList()) {
            for (LayoutNode each : shard.items("shard")) {
                shards.add(shard(each));
            }
        } else {
            shards.add(shard(shard));
        }
        if (shards.isEmpty()) {
            throw shard.error("shard names at least one axis, as in {dim: 0}");
        }
        return shards;
    }

    private void checkDistinct(List<Shard> shards) throws LayoutException {
        boolean distinct = shards.stream().map(Shard::dim).distinct().count() == shards.size()
                && shards.stream().map(Shard::over).distinct().count() == shards.size();
        if (!distinct) {
            throw node.error("each axis is cut once, and over ranks of a mesh axis of its own");
        }
    }

    private Shard shard(LayoutNode of) throws LayoutException {
        Map<String, LayoutNode> keys = LayoutParser.known(of, "shard", LayoutKeys.SHARD);
        int dim = dim(LayoutParser.required(of, keys, "dim"));
        String over = keys.containsKey("over") ? keys.get("over").text("over") : Rule.TP;
        long blocks = keys.containsKey("interleave") ? keys.get("interleave").number("interleave", 1, values) : 1;
        if (!keys.containsKey("parts")) {
            Part whole = part("the axis", keys, of);
            return new Shard(dim, over, blocks, List.of(whole));
        }
        if (keys.containsKey("units") || keys.containsKey("widths")) {
            throw of.error("units and widths stand with each of the parts, as in {q: {size: 4096, units: 32}}");
        }
        return new Shard(dim, over, blocks, parts(keys.get("parts")));
    }

    private List<Part> parts(LayoutNode list) throws LayoutException {
        List<Part> parts = new ArrayList<>();
        if (!list.isList()) {
            long count = list.number("parts", 1, values);
            for (long i = 0; i < count && i <= MAX_PARTS; i++) {
                parts.add(new Part(Long.toString(i), Rule.OPEN, 0, null));
            }
        } else {
            for (LayoutNode item : list.items("parts")) {
                parts.add(part(item));
            }
        }
        if (parts.isEmpty() || parts.size() > MAX_PARTS) {
            throw list.error("an axis has 1 to " + MAX_PARTS + " parts");
        }
        long open = parts.stream()
                .filter(part -> part.size() == Rule.OPEN && part.widths() == null)
                .count();
        if (open > 1 && open < parts.size()) {
            throw list.error("of parts with and without sizes, at most one is without");
        }
        return parts;
    }

    /** {@code gate}, {@code 4096}, {@code {q: 4096}} or {@code {q: {size: 4096, units: 32}}}. */
    private Part part(LayoutNode item) throws LayoutException {
        if (item.isNumber()) {
            return new Part("part", item.number("a part", 0, values), 0, null);
        }
        if (!item.isMapping()) {
            return new Part(item.text("a part"), Rule.OPEN, 0, null);
        }
        Map.Entry<String, LayoutNode> entry = item.onlyEntry("a part");
        LayoutNode said = entry.getValue();
        if (!said.isMapping()) {
            return new Part(entry.getKey(), said.number("size of " + entry.getKey(), 0, values), 0, null);
        }
        return part(entry.getKey(), LayoutParser.known(said, "a part", LayoutKeys.PART), said);
    }

    private Part part(String name, Map<String, LayoutNode> keys, LayoutNode of) throws LayoutException {
        long size = keys.containsKey("size") ? keys.get("size").number("size", 0, values) : Rule.OPEN;
        long units = keys.containsKey("units") ? keys.get("units").number("units", 1, values) : 0;
        long[] widths = keys.containsKey("widths") ? keys.get("widths").numbers("widths", 0, values) : null;
        if (widths != null && units > 0) {
            throw of.error("widths say what each rank holds; units would say it again");
        }
        if (size != Rule.OPEN && units > 0 && size % units != 0) {
            throw of.error("a size of " + size + " is not " + units + " equal units");
        }
        if (widths != null && size != Rule.OPEN && Arrays.stream(widths).sum() != size) {
            throw of.error("widths " + Arrays.toString(widths) + " do not add up to the size " + size);
        }
        return new Part(name, size, units, widths);
    }

    private Expert expert(LayoutNode of) throws LayoutException {
        if (of == null) {
            return null;
        }
        Map<String, LayoutNode> keys = LayoutParser.known(of, "expert", LayoutKeys.EXPERT);
        int dim = keys.containsKey("dim") ? dim(keys.get("dim")) : -1;
        long count = keys.containsKey("count") ? keys.get("count").number("count", 1, values) : Rule.OPEN;
        if (dim < 0 && !node.entries("a rule").get("match").text("match").contains("<expert>")) {
            throw of.error("experts lie on an axis, {dim: 0}, or the expression names the group that is their number:"
                    + " (?<expert>\\d+)");
        }
        return new Expert(dim, count);
    }

    private Pad pad(LayoutNode of) throws LayoutException {
        if (of == null) {
            return null;
        }
        Map<String, LayoutNode> keys = LayoutParser.known(of, "pad", LayoutKeys.PAD);
        int dim = keys.containsKey("dim") ? dim(keys.get("dim")) : 0;
        if (dim != 0) {
            throw of.error("rows are padded: dim is 0; found " + dim);
        }
        long multiple = keys.containsKey("multiple") ? keys.get("multiple").number("multiple", 1, values) : 1;
        long extent = keys.containsKey("extent") ? keys.get("extent").number("extent", Rule.OPEN, values) : Rule.OPEN;
        return new Pad(dim, multiple, extent);
    }

    private long[] view(LayoutNode of) throws LayoutException {
        if (of == null) {
            return null;
        }
        long[] view = of.numbers("view", Rule.OPEN, values);
        boolean fits = view.length > 0
                && view.length <= Shapes.MAX_ORDER
                && Arrays.stream(view).filter(extent -> extent == Rule.OPEN).count() <= 1;
        if (!fits) {
            throw of.error("a view has 1 to " + Shapes.MAX_ORDER + " extents, of which one may be -1");
        }
        return view;
    }
}
