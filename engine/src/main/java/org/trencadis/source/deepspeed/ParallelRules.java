package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.trencadis.layout.LayoutRules;
import org.trencadis.layout.Mesh;
import org.trencadis.layout.NamePatterns;
import org.trencadis.layout.Placement;
import org.trencadis.layout.Rule;
import org.trencadis.layout.ShardJoins;
import org.trencadis.layout.ShardMap;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;

/**
 * What a checkpoint declares about its tensor-parallel shards ({@code universal_checkpoint_info}): patterns over names, and
 * affine maps, which are preferred; or what a source layout declares in its place. Makes the {@link Placement} of each
 * parameter.
 */
final class ParallelRules {
    private final int tp;
    private final Mesh mesh;
    private final LayoutRules layout;
    private final boolean declared;
    private final double version;
    private final long vocabulary;
    private final NamePatterns replicated;
    private final NamePatterns averaged;
    private final NamePatterns halved;
    private final NamePatterns subPatterns;
    private final NamePatterns rowParallel;
    private final NamePatterns vocabularyPatterns;
    private final NamePatterns affinePatterns;
    private final Map<String, SubParameters> subParameters = new HashMap<>();
    private final Map<String, AffineMap> affine = new HashMap<>();
    private final TreeSet<String> contradictions = new TreeSet<>();
    private final TreeSet<String> byDefault = new TreeSet<>();

    private ParallelRules(Node info, int tp, LayoutRules layout) throws IOException {
        this.tp = tp;
        this.mesh = new Mesh(List.of(new Mesh.Axis(Rule.TP, tp)));
        this.layout = layout;
        this.declared = info != null;
        Node number = info == null ? null : Nodes.findValue(info, "universal_checkpoint_version");
        this.version = number == null ? 0 : number.asReal();
        this.vocabulary = info == null ? -1 : Nodes.findLong(info, "original_vocab_size", -1);
        this.replicated = patterns(info, "tp_replicated_parameter_patterns");
        this.averaged = patterns(info, "parameter_to_average_patterns");
        this.halved = patterns(info, "parameter_with_2_sub_params_cat_dim_0");
        this.rowParallel = patterns(info, "parameter_with_row_parallelism_patterns");
        this.vocabularyPatterns = patterns(info, "vocabulary_parameter_patterns");
        this.subPatterns = new NamePatterns(readSubParameters(info), "parameter_with_sub_params");
        this.affinePatterns = new NamePatterns(readAffine(info), "affine_map");
    }

    /**
     * The rules that {@code info} declares.
     *
     * @param info {@code universal_checkpoint_info}, or null where the checkpoint has none
     * @param layout what the user declares, or null
     */
    static ParallelRules read(Node info, int tp, LayoutRules layout) throws IOException {
        if (info != null && tp > 1) {
            Node refused = Nodes.findValue(info, "autotp_unsupported_parameter_patterns");
            if (refused != null && refused.size() > 0) {
                List<String> names = new ArrayList<>();
                refused.forEachEntry((pattern, reason) -> names.add(pattern.asText()));
                throw new SourceException(
                        refused.path() + " declares layouts that cannot be joined: " + Nodes.firstOf(names));
            }
        }
        return new ParallelRules(info, tp, layout);
    }

    private static NamePatterns patterns(Node info, String key) throws IOException {
        return new NamePatterns(info == null ? List.of() : Nodes.texts(Nodes.findValue(info, key)), key);
    }

    private List<String> readSubParameters(Node info) throws IOException {
        List<String> patterns = new ArrayList<>();
        Node list = info == null || tp == 1 ? null : Nodes.findValue(info, "parameter_with_sub_params");
        Node widths = info == null ? null : Nodes.findValue(info, "sub_param_shard_widths");
        for (int i = 0; list != null && i < list.size(); i++) {
            Node entry = Nodes.attributes(list.item(i));
            for (String pattern : Nodes.texts(entry.get("patterns"))) {
                patterns.add(pattern);
                Node width = widths == null ? null : Nodes.findValue(widths, pattern);
                subParameters.putIfAbsent(pattern, SubParameters.read(pattern, entry, width, version));
            }
        }
        return patterns;
    }

    private List<String> readAffine(Node info) throws IOException {
        List<String> patterns = new ArrayList<>();
        Node map = info == null || tp == 1 ? null : Nodes.findValue(info, "affine_map");
        if (map == null) {
            return patterns;
        }
        if (map.get("version").asLong() != 1) {
            throw new SourceException(map.get("version").path() + " is "
                    + map.get("version").asLong() + ", expected 1: other affine maps are not supported");
        }
        map.get("params").forEachEntry((pattern, entry) -> {
            patterns.add(pattern.asText());
            affine.put(pattern.asText(), AffineMap.read(entry, tp));
        });
        return patterns;
    }

    /**
     * The placement of a parameter.
     *
     * @param shapes of its shards by tensor-parallel rank
     */
    Placement place(String name, long[][] shapes) throws IOException {
        Rule rule = layout == null ? null : layout.find(name);
        if (rule == null) {
            return placeDeclared(name, shapes);
        }
        Placement asked = LayoutRules.join(rule, name, mesh, shapes);
        if (tp > 1 && findRule(name) != null && !isSame(asked, placeDeclared(name, shapes))) {
            throw new SourceException(rule.place() + ": rule " + rule.match() + " and universal_checkpoint_info declare"
                    + " different joins of the shards of parameter " + name + ": to "
                    + Shapes.print(asked.shape()) + " and to "
                    + Shapes.print(placeDeclared(name, shapes).shape()));
        }
        return asked;
    }

    private static boolean isSame(Placement one, Placement other) {
        boolean same = Arrays.equals(one.shape(), other.shape()) && one.blend() == other.blend();
        for (int rank = 0; same && rank < one.shards().length; rank++) {
            same = one.shards()[rank].isSame(other.shards()[rank]);
        }
        return same;
    }

    private Placement placeDeclared(String name, long[][] shapes) throws IOException {
        Placement placement;
        if (tp == 1) {
            placement = Placement.unique(shapes[0]);
        } else {
            checkDeclared(name, shapes);
            placement = joined(name, shapes);
        }
        return cutVocabulary(name, placement);
    }

    /** The placement of a buffer: what a pattern says, else equal copies. */
    Placement placeBuffer(String name, long[][] shapes) throws IOException {
        if (tp == 1) {
            return Placement.unique(shapes[0]);
        }
        if (declared && findRule(name) != null || layout != null && layout.find(name) != null) {
            return place(name, shapes);
        }
        for (long[] shape : shapes) {
            if (!Arrays.equals(shape, shapes[0])) {
                throw new SourceException("buffer " + name + " has different shapes on tensor-parallel ranks ("
                        + ShardJoins.print(shapes) + ") and no pattern says how they are joined; declare it in "
                        + "universal_checkpoint_info or with --source-layout");
            }
        }
        return Placement.copies(shapes[0], false, tp);
    }

    private void checkDeclared(String name, long[][] shapes) throws SourceException {
        if (!declared && layout != null) {
            throw new SourceException(layout.layout().origin() + " has no rule for parameter " + name
                    + ", of which tensor-parallel ranks hold shards of shape " + ShardJoins.print(shapes)
                    + "; add one, as in {match: '" + name + "', shard: {dim: 0}}, or replicate, average");
        }
        if (!declared) {
            throw new SourceException("the checkpoint has " + tp + " tensor-parallel ranks but no "
                    + "universal_checkpoint_info that says how their shards are joined: parameter " + name
                    + " has shards of shape " + ShardJoins.print(shapes)
                    + "; declare for each parameter whether it is replicated,"
                    + " averaged or sharded on which axis, with --source-layout");
        }
    }

    private String findRule(String name) throws IOException {
        for (NamePatterns patterns :
                List.of(affinePatterns, replicated, averaged, halved, subPatterns, rowParallel, vocabularyPatterns)) {
            String found = patterns.find(name);
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private Placement joined(String name, long[][] shapes) throws IOException {
        String pattern = affinePatterns.find(name);
        if (pattern == null) {
            if (findRule(name) == null && shapes[0].length > 0) {
                byDefault.add(name);
            }
            return byPatterns(name, shapes);
        }
        Placement exact = byAffine(name, affine.get(pattern), shapes);
        checkAgainstPatterns(name, shapes, exact);
        return exact;
    }

    private Placement byAffine(String name, AffineMap map, long[][] shapes) throws IOException {
        ShardMap[] shards = new ShardMap[tp];
        for (int rank = 0; rank < tp; rank++) {
            if (!Arrays.equals(map.shardShapes()[rank], shapes[rank])) {
                throw new SourceException("affine map of " + name + " gives rank " + rank + " a shard of shape "
                        + Shapes.print(map.shardShapes()[rank]) + ", param_shapes one of "
                        + Shapes.print(shapes[rank]));
            }
            shards[rank] = map.shard(rank, name);
        }
        return Placement.overlapping(map.shape(), shards);
    }

    private void checkAgainstPatterns(String name, long[][] shapes, Placement exact) throws IOException {
        try {
            Placement other = byPatterns(name, shapes);
            boolean same = Arrays.equals(other.shape(), exact.shape());
            for (int rank = 0; rank < tp && same; rank++) {
                same = other.shards()[rank].isSame(exact.shards()[rank]);
            }
            if (!same) {
                contradictions.add(name);
            }
        } catch (SourceException e) {
            contradictions.add(name);
        }
    }

    private Placement byPatterns(String name, long[][] shapes) throws IOException {
        if (shapes[0].length == 0 || replicated.find(name) != null) {
            checkEqual(name, shapes, "replicated");
            return Placement.copies(shapes[0], false, tp);
        }
        if (averaged.find(name) != null) {
            checkEqual(name, shapes, "averaged");
            return Placement.copies(shapes[0], true, tp);
        }
        if (halved.find(name) != null) {
            return ShardJoins.halves(name, shapes);
        }
        String sub = subPatterns.find(name);
        if (sub != null) {
            return subParameters.get(sub).place(name, shapes);
        }
        return ShardJoins.onAxis(name, shapes, rowParallel.find(name) != null ? 1 : 0);
    }

    private static void checkEqual(String name, long[][] shapes, String rule) throws SourceException {
        for (long[] shape : shapes) {
            if (!Arrays.equals(shape, shapes[0])) {
                throw new SourceException("parameter " + name + " is declared as " + rule
                        + ", but its shards have different shapes: " + ShardJoins.print(shapes));
            }
        }
    }

    /** Rows beyond the original vocabulary become a margin. */
    private Placement cutVocabulary(String name, Placement placement) throws IOException {
        long[] shape = placement.shape();
        if (shape.length != 2 || vocabulary < 0 || vocabularyPatterns.find(name) == null || shape[0] <= vocabulary) {
            return placement;
        }
        return placement.cutRows(vocabulary);
    }

    /** Parameters whose affine map and patterns say different things; the map was followed. */
    List<String> contradictions() {
        return List.copyOf(contradictions);
    }

    /** Parameters that no pattern speaks of and that were joined on axis 0, DeepSpeed's default. */
    List<String> byDefault() {
        return List.copyOf(byDefault);
    }
}
