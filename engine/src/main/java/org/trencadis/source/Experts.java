package org.trencadis.source;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.torch.Node;
import org.trencadis.torch.Node.Kind;

/**
 * The mixture-of-experts layers of a checkpoint. Optimizer files name experts by their number on the rank (native layers)
 * or hold a rank's experts as one tensor (AutoEP); this says which global experts they are.
 */
final class Experts {
    /** Name of a native expert's parameter: layer, number, rest. */
    private static final Pattern NATIVE =
            Pattern.compile("(.*deepspeed_moe\\.experts\\.deepspeed_experts\\.)(\\d{1,9})(\\..*)");

    /**
     * An AutoEP layer.
     *
     * @param prefix of its parameters' names
     * @param modulePath of the module that was replaced
     * @param experts in all
     * @param ranks global experts of each expert-parallel rank, in the order in which the rank holds them
     * @param maps affine maps by parameter name
     */
    record Fused(String prefix, String modulePath, int experts, int[][] ranks, Map<String, AffineMap> maps) {
        int ep() {
            return ranks.length;
        }
    }

    private final Map<String, Integer> nativeLocal = new LinkedHashMap<>();
    private final List<Integer> counts;
    private final List<Fused> fused;
    private final Map<String, Placement> placements = new HashMap<>();

    private Experts(List<Integer> counts, List<Fused> fused) {
        this.counts = counts;
        this.fused = fused;
    }

    /** No experts. */
    static Experts none() {
        return new Experts(List.of(), List.of());
    }

    /** Reads what a model file says about experts. */
    static Experts read(Node root) throws IOException {
        List<Integer> counts = new ArrayList<>();
        Node numbers = Nodes.findValue(root, "num_experts");
        if (Nodes.isList(numbers)) {
            for (long number : Nodes.longs(numbers)) {
                counts.add(Math.toIntExact(number));
            }
        }
        return new Experts(counts, readFused(root));
    }

    private static List<Fused> readFused(Node root) throws IOException {
        Node layers = Nodes.findValue(root, "ds_autoep_layers");
        layers = layers == null ? Nodes.findValue(root, "autoep_layers") : layers;
        List<Fused> fused = new ArrayList<>();
        for (int i = 0; layers != null && i < layers.size(); i++) {
            Node layer = layers.item(i);
            int experts = Math.toIntExact(layer.get("num_experts").asLong());
            int ep = Math.toIntExact(layer.get("ep_size").asLong());
            int[][] ranks = readPlacement(layer, experts, ep);
            Map<String, AffineMap> maps = new LinkedHashMap<>();
            Node affine = Nodes.findValue(layer, "affine_maps");
            if (affine != null) {
                affine.get("params").forEachEntry((name, map) -> maps.put(name.asText(), AffineMap.read(map, ep)));
            }
            fused.add(new Fused(
                    layer.get("expert_key_prefix").asText(),
                    Nodes.findText(layer, "module_path"),
                    experts,
                    ranks,
                    maps));
        }
        return fused;
    }

    private static int[][] readPlacement(Node layer, int experts, int ep) throws IOException {
        int local = Math.toIntExact(layer.get("num_local_experts").asLong());
        if (ep < 1 || local < 0 || (long) local * ep != experts) {
            throw new SourceException(layer.path() + ": " + ep + " ranks of " + local + " experts are not " + experts);
        }
        int[][] ranks = new int[ep][local];
        for (int rank = 0; rank < ep; rank++) {
            for (int i = 0; i < local; i++) {
                ranks[rank][i] = rank * local + i;
            }
        }
        Node placement = Nodes.findValue(layer, "expert_placement");
        Node list = placement == null ? null : Nodes.findValue(placement, "ranks");
        for (int i = 0; list != null && i < list.size(); i++) {
            int rank = Math.toIntExact(list.item(i).get("rank").asLong());
            long[] held = Nodes.longs(list.item(i).get("experts"));
            if (rank < 0 || rank >= ep || held.length != local) {
                throw new SourceException(
                        list.item(i).path() + " does not place " + local + " experts on one of " + ep + " ranks");
            }
            ranks[rank] = Arrays.stream(held).mapToInt(Math::toIntExact).toArray();
        }
        boolean[] seen = new boolean[experts];
        for (int[] rank : ranks) {
            for (int expert : rank) {
                if (expert < 0 || expert >= experts || seen[expert]) {
                    throw new SourceException(layer.path() + ": expert " + expert + " is not placed on one rank");
                }
                seen[expert] = true;
            }
        }
        return ranks;
    }

    /** The rank that wrote a ZeRO-3 file says in each layer which expert-parallel rank it is. */
    static Map<String, Integer> readOwnRanks(Node root) throws IOException {
        Map<String, Integer> own = new HashMap<>();
        Node layers = Nodes.findValue(root, "ds_autoep_layers");
        for (int i = 0; layers != null && i < layers.size(); i++) {
            Node rank = Nodes.findValue(layers.item(i), "ep_rank");
            if (rank != null) {
                own.put(layers.item(i).get("expert_key_prefix").asText(), Math.toIntExact(rank.asLong()));
            }
        }
        return own;
    }

    /** Learns how many experts of each native layer a rank holds. */
    void learnNames(Collection<String> names) {
        for (String name : names) {
            Matcher matcher = NATIVE.matcher(name);
            if (matcher.matches()) {
                nativeLocal.merge(matcher.group(1), Integer.parseInt(matcher.group(2)) + 1, Math::max);
            }
        }
    }

    List<Fused> fused() {
        return fused;
    }

    /** Experts of each layer, as the model file says; empty where it has none. */
    List<Integer> counts() {
        return counts;
    }

    /** The layer whose fused parameter {@code name} is, or null. */
    Fused findFused(String name) {
        for (Fused layer : fused) {
            if (name.startsWith(layer.prefix() + '.')) {
                return layer;
            }
        }
        return null;
    }

    boolean isExpert(String name) {
        return NATIVE.matcher(name).matches() || findFused(name) != null;
    }

    /** The name that all ranks agree on, for a name as rank {@code epRank} of {@code ep} knows it. */
    String globalName(String name, int epRank) {
        Matcher matcher = NATIVE.matcher(name);
        if (!matcher.matches()) {
            return name;
        }
        int local = nativeLocal.getOrDefault(matcher.group(1), 1);
        long global = (long) epRank * local + Integer.parseInt(matcher.group(2));
        return matcher.group(1) + global + matcher.group(3);
    }

    /** The name under which the rank that holds an expert knows it. */
    String localName(String name) {
        Matcher matcher = NATIVE.matcher(name);
        if (!matcher.matches()) {
            return name;
        }
        int local = nativeLocal.getOrDefault(matcher.group(1), 1);
        return matcher.group(1) + Integer.parseInt(matcher.group(2)) % local + matcher.group(3);
    }

    /** Names of a group as all ranks know them: inside each layer, experts in the order of their global numbers. */
    List<String> globalNames(Collection<String> names, int ep) {
        List<String> global = new ArrayList<>();
        List<String> layer = new ArrayList<>();
        String prefix = null;
        for (String name : names) {
            Matcher matcher = NATIVE.matcher(name);
            String own = matcher.matches() ? matcher.group(1) : null;
            if (own == null || !own.equals(prefix)) {
                addLayer(layer, ep, global);
                layer.clear();
            }
            if (own == null) {
                global.add(name);
            } else {
                layer.add(name);
            }
            prefix = own;
        }
        addLayer(layer, ep, global);
        return global;
    }

    private void addLayer(List<String> names, int ep, List<String> global) {
        for (int rank = 0; rank < ep && !names.isEmpty(); rank++) {
            for (String name : names) {
                global.add(globalName(name, rank));
            }
        }
    }

    /** Checks that native layers have as many experts as the model file says. */
    void checkCounts(int ep) throws SourceException {
        int layer = 0;
        for (Map.Entry<String, Integer> entry : nativeLocal.entrySet()) {
            long found = (long) entry.getValue() * ep;
            if (nativeLocal.size() == counts.size() && counts.get(layer) != found) {
                throw new SourceException("num_experts says " + counts.get(layer) + " experts for " + entry.getKey()
                        + "*, but " + ep + " ranks hold " + entry.getValue() + " each");
            }
            layer++;
        }
    }

    /**
     * The placement of a fused parameter over expert-parallel ranks.
     *
     * @param shape of one rank's tensor; its first axis counts the rank's experts
     */
    Placement place(String name, long[] shape) throws SourceException {
        Placement known = placements.get(name);
        if (known == null) {
            known = place(name, findFused(name), shape);
            placements.put(name, known);
        }
        return known;
    }

    private static Placement place(String name, Fused layer, long[] shape) throws SourceException {
        int local = layer.experts() / layer.ep();
        if (shape.length == 0 || shape[0] != local) {
            throw new SourceException("parameter " + name + " holds " + (shape.length == 0 ? 0 : shape[0])
                    + " experts of each rank, expected " + local);
        }
        long[] whole = shape.clone();
        whole[0] = layer.experts();
        ShardMap[] shards = new ShardMap[layer.ep()];
        for (int rank = 0; rank < shards.length; rank++) {
            ShardMap.Builder builder = new ShardMap.Builder();
            for (int first = 0; first < local; ) {
                int next = first + 1;
                while (next < local && layer.ranks()[rank][next] == layer.ranks()[rank][next - 1] + 1) {
                    next++;
                }
                builder.add(Region.of(rows(shape, layer.ranks()[rank][first], next - first)));
                first = next;
            }
            shards[rank] = builder.build();
        }
        Placement placement = Placement.parts(whole, shards);
        AffineMap map = layer.maps().get(name);
        return map == null ? placement : checked(name, map, placement);
    }

    /** The affine map's placement, which must be the one that the layer's expert placement says. */
    private static Placement checked(String name, AffineMap map, Placement expected) throws SourceException {
        ShardMap[] shards = new ShardMap[expected.shards().length];
        boolean same = Arrays.equals(map.shape(), expected.shape());
        for (int rank = 0; rank < shards.length && same; rank++) {
            shards[rank] = map.shard(rank, name);
            same = shards[rank].isSame(expected.shards()[rank]);
        }
        if (!same) {
            throw new SourceException(
                    "affine map of " + name + " contradicts the placement of experts that its layer declares");
        }
        return Placement.parts(map.shape(), shards);
    }

    /** Whole experts of a fused tensor. */
    static Box rows(long[] shape, long first, long count) {
        long[] offsets = new long[shape.length];
        long[] extents = shape.clone();
        offsets[0] = first;
        extents[0] = count;
        return new Box(offsets, extents);
    }

    /**
     * Which fused tensor and expert a tensor of an expert file is, or null: {@code prefix.w1.3} is expert 3 of
     * {@code prefix.w1}.
     */
    Map.Entry<String, Integer> findSplit(String name) {
        int dot = name.lastIndexOf('.');
        if (dot < 0 || findFused(name) == null || !name.substring(dot + 1).matches("\\d{1,9}")) {
            return null;
        }
        return Map.entry(name.substring(0, dot), Integer.parseInt(name.substring(dot + 1)));
    }

    /** Whether {@code root} is a state dictionary, as the files of layers and experts are. */
    static void checkStateDictionary(Node root) throws SourceException {
        if (root.kind() != Kind.DICT) {
            throw new SourceException(root.path() + " is no state dictionary");
        }
    }
}
