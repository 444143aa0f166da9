package org.trencadis.source;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
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
     * @param ep expert-parallel ranks
     * @param ranks global experts of each rank, in the order in which it holds them; null where all are in order
     * @param maps affine maps by parameter name
     */
    record Fused(String prefix, String modulePath, int experts, int ep, int[][] ranks, Map<String, AffineMap> maps) {
        int local() {
            return experts / ep;
        }

        /** The global number of expert {@code i} of a rank. */
        int expert(int rank, int i) {
            return ranks == null ? rank * local() + i : ranks[rank][i];
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
            for (int i = 0; i < numbers.size(); i++) {
                counts.add(Nodes.count(numbers.item(i)));
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
            int experts = Nodes.count(layer.get("num_experts"));
            int ep = Nodes.count(layer.get("ep_size"));
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
                    ep,
                    ranks,
                    maps));
        }
        return fused;
    }

    /** What a layer says about which experts each rank holds, or null where ranks hold them in order. */
    private static int[][] readPlacement(Node layer, int experts, int ep) throws IOException {
        int local = Nodes.count(layer.get("num_local_experts"));
        if (ep < 1 || local < 1 || (long) local * ep != experts) {
            throw new SourceException(layer.path() + ": " + ep + " ranks of " + local + " experts are not " + experts);
        }
        Node placement = Nodes.findValue(layer, "expert_placement");
        Node list = placement == null ? null : Nodes.findValue(placement, "ranks");
        if (list == null) {
            return null;
        }
        int[][] ranks = new int[list.size()][];
        BitSet seen = new BitSet();
        for (int i = 0; i < ranks.length; i++) {
            int rank = Nodes.count(list.item(i).get("rank"));
            Node held = list.item(i).get("experts");
            if (rank >= ranks.length || ranks.length != ep || ranks[rank] != null || held.size() != local) {
                throw new SourceException(
                        list.item(i).path() + " does not place " + local + " experts on one of " + ep + " ranks");
            }
            ranks[rank] = new int[local];
            for (int k = 0; k < local; k++) {
                int expert = Nodes.count(held.item(k));
                if (expert >= experts || seen.get(expert)) {
                    throw new SourceException(layer.path() + ": expert " + expert + " is not placed on one rank");
                }
                seen.set(expert);
                ranks[rank][k] = expert;
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
                own.put(layers.item(i).get("expert_key_prefix").asText(), Nodes.count(rank));
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
        int local = layer.local();
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
                while (next < local && layer.expert(rank, next) == layer.expert(rank, next - 1) + 1) {
                    next++;
                }
                builder.add(Region.of(rows(shape, layer.expert(rank, first), next - first)));
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

    /** The shape of a fused parameter with the experts of all ranks. */
    long[] wholeShape(String name, long[] shape) {
        long[] whole = shape.clone();
        whole[0] = findFused(name).experts();
        return whole;
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
