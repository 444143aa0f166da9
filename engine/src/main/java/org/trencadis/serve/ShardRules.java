package org.trencadis.serve;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.format.Value;
import org.trencadis.layout.LayoutException;
import org.trencadis.layout.NamePatterns;

/**
 * What the training job declared about tensor parallelism ({@code universal_checkpoint_info}), applied to one name after
 * another: gives the {@link ShardTags} that DeepSpeed's converter writes.
 */
final class ShardRules {
    /** Versions below say how many sub-parameters there are instead of their sizes. */
    private static final double SIZES_VERSION = 0.4;

    private static final int MAX_SUB_PARAMETERS = 1 << 16;

    /** A parameter of several parts: {@code count} is -1 where the sizes are known. */
    private record Declared(ShardTags.SubParameters sub, long count) {}

    private final NamePatterns replicated;
    private final NamePatterns averaged;
    private final NamePatterns halved;
    private final NamePatterns joined;
    private final NamePatterns rowParallel;
    private final NamePatterns vocabulary;
    private final NamePatterns mapped;
    private final Map<String, Declared> declared = new HashMap<>();
    private final Map<String, Integer> expertLayers = new HashMap<>();

    /**
     * The rules of a checkpoint.
     *
     * @param info what the job declared, or null
     * @param layers its layers of fused experts, or null
     */
    ShardRules(Value info, Value layers) throws LayoutException {
        ValueTree tree = new ValueTree(info == null ? new Value.None() : info);
        this.replicated = patterns(tree, "tp_replicated_parameter_patterns");
        this.averaged = patterns(tree, "parameter_to_average_patterns");
        this.halved = patterns(tree, "parameter_with_2_sub_params_cat_dim_0");
        this.rowParallel = patterns(tree, "parameter_with_row_parallelism_patterns");
        this.vocabulary = patterns(tree, "vocabulary_parameter_patterns");
        this.joined = new NamePatterns(readDeclared(tree), "parameter_with_sub_params");
        this.mapped = new NamePatterns(readMapped(tree), "affine_map");
        readExperts(new ValueTree(layers == null ? new Value.None() : layers));
    }

    private static NamePatterns patterns(ValueTree tree, String key) throws LayoutException {
        return new NamePatterns(tree.texts(tree.find(tree.root(), key)), key);
    }

    private List<String> readDeclared(ValueTree tree) {
        List<String> all = new ArrayList<>();
        double version = ValueTree.real(tree.find(tree.root(), "universal_checkpoint_version"), 0);
        List<Value> list = tree.findItems(tree.find(tree.root(), "parameter_with_sub_params"));
        for (Value entry : list == null ? List.<Value>of() : list) {
            List<String> patterns = tree.texts(tree.find(entry, "patterns"));
            Declared found = declared(tree, entry, patterns, version);
            for (String pattern : found == null ? List.<String>of() : patterns) {
                all.add(pattern);
                declared.putIfAbsent(pattern, found);
            }
        }
        return all;
    }

    private static Declared declared(ValueTree tree, Value entry, List<String> patterns, double version) {
        List<Value> shape = tree.findItems(tree.find(entry, "shape"));
        long axis = tree.number(tree.find(entry, "partition_dim"), -1);
        if (shape == null || axis < 0 || axis >= shape.size()) {
            return null;
        }
        long[] view = new long[shape.size()];
        long[][] parts = new long[shape.size()][];
        for (int i = 0; i < view.length; i++) {
            List<Value> items = tree.findItems(shape.get(i));
            if (items == null) {
                view[i] = tree.number(shape.get(i), -1);
            } else {
                parts[i] =
                        items.stream().mapToLong(item -> tree.number(item, 0)).toArray();
                view[i] = Arrays.stream(parts[i]).sum();
            }
        }
        boolean isCount = version < SIZES_VERSION && parts[(int) axis] == null;
        return new Declared(
                new ShardTags.SubParameters(patterns, view, parts, (int) axis), isCount ? view[(int) axis] : -1);
    }

    private static List<String> readMapped(ValueTree tree) {
        List<String> patterns = new ArrayList<>();
        Value map = tree.find(tree.root(), "affine_map");
        for (Value.Entry entry : map == null ? List.<Value.Entry>of() : tree.entries(tree.find(map, "params"))) {
            if (entry.key() instanceof Value.Text pattern) {
                patterns.add(pattern.value());
            }
        }
        return patterns;
    }

    private void readExperts(ValueTree tree) {
        List<Value> layers = tree.findItems(tree.root());
        for (Value layer : layers == null ? List.<Value>of() : layers) {
            long experts = tree.number(tree.find(layer, "num_experts"), 0);
            if (tree.find(layer, "expert_key_prefix") instanceof Value.Text prefix && experts > 0) {
                expertLayers.put(prefix.value(), Math.toIntExact(experts));
            }
        }
    }

    /** The tags of a parameter that the optimizer owns. */
    ShardTags tags(String name, long[] shape) throws LayoutException {
        int experts = experts(name);
        if (experts > 0) {
            return new ShardTags(0, 1, null, false, experts);
        }
        boolean isVocabulary = vocabulary.find(name) != null;
        if (mapped.find(name) != null || replicated.find(name) != null || averaged.find(name) != null) {
            return new ShardTags(-1, 1, null, isVocabulary, 0);
        }
        if (halved.find(name) != null) {
            return new ShardTags(0, 2, null, isVocabulary, 0);
        }
        String pattern = joined.find(name);
        if (pattern != null) {
            return new ShardTags(-1, 1, sized(declared.get(pattern), shape), isVocabulary, 0);
        }
        return new ShardTags(rowParallel.find(name) != null ? 1 : 0, 1, null, isVocabulary, 0);
    }

    private int experts(String name) {
        int dot = name.lastIndexOf('.');
        return dot < 0 ? 0 : expertLayers.getOrDefault(name.substring(0, dot), 0);
    }

    /** Where only the number of sub-parameters is declared, they are equal parts of the axis. */
    private static ShardTags.SubParameters sized(Declared declared, long[] shape) {
        ShardTags.SubParameters sub = declared.sub();
        boolean isSane = declared.count() > 0 && declared.count() <= MAX_SUB_PARAMETERS && sub.axis() < shape.length;
        if (!isSane) {
            return sub;
        }
        long extent = shape[sub.axis()];
        long[] view = sub.view().clone();
        long[][] parts = sub.parts().clone();
        view[sub.axis()] = extent;
        parts[sub.axis()] = new long[(int) declared.count()];
        Arrays.fill(parts[sub.axis()], extent / declared.count());
        return new ShardTags.SubParameters(sub.patterns(), view, parts, sub.axis());
    }
}
