package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.layout.Placement;
import org.trencadis.layout.ShardMap;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;
import org.trencadis.torch.Node;

/**
 * A mixture-of-experts layer of AutoEP: each rank holds its experts as one tensor, which is a part of the first axis of the
 * tensor of all experts.
 *
 * @param prefix of its parameters' names
 * @param modulePath of the module that was replaced, or null
 * @param experts in all
 * @param ep expert-parallel ranks
 * @param ranks global experts of each rank, in the order in which it holds them; null where all are in order
 * @param maps affine maps by parameter name
 */
record FusedExperts(String prefix, String modulePath, int experts, int ep, int[][] ranks, Map<String, AffineMap> maps) {
    /** The layers that a model file declares. */
    static List<FusedExperts> readAll(Node root) throws IOException {
        Node layers = Nodes.findValue(root, "ds_autoep_layers");
        layers = layers == null ? Nodes.findValue(root, "autoep_layers") : layers;
        List<FusedExperts> fused = new ArrayList<>();
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
            fused.add(new FusedExperts(
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

    int local() {
        return experts / ep;
    }

    /** The global number of expert {@code i} of a rank. */
    int expert(int rank, int i) {
        return ranks == null ? rank * local() + i : ranks[rank][i];
    }

    /** Whether {@code name} is a parameter of this layer. */
    boolean owns(String name) {
        return name.startsWith(prefix + '.');
    }

    /** The shape of a parameter with the experts of all ranks. */
    long[] wholeShape(long[] shape) {
        long[] whole = shape.clone();
        if (whole.length > 0) {
            whole[0] = experts;
        }
        return whole;
    }

    /**
     * The placement of a parameter over expert-parallel ranks.
     *
     * @param shape of one rank's tensor; its first axis counts the rank's experts
     */
    Placement place(String name, long[] shape) throws SourceException {
        int local = local();
        if (shape.length == 0 || shape[0] != local) {
            throw new SourceException("parameter " + name + " holds " + (shape.length == 0 ? 0 : shape[0])
                    + " experts of each rank, expected " + local);
        }
        long[] whole = wholeShape(shape);
        ShardMap[] shards = new ShardMap[ep];
        for (int rank = 0; rank < shards.length; rank++) {
            ShardMap.Builder builder = new ShardMap.Builder();
            for (int first = 0; first < local; ) {
                int next = first + 1;
                while (next < local && expert(rank, next) == expert(rank, next - 1) + 1) {
                    next++;
                }
                builder.add(Region.of(rows(shape, expert(rank, first), next - first)));
                first = next;
            }
            shards[rank] = builder.build();
        }
        Placement placement = Placement.parts(whole, shards);
        AffineMap map = maps.get(name);
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
}
