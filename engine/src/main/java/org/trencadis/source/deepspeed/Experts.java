package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.layout.Placement;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
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

    private final Map<String, Integer> nativeLocal = new LinkedHashMap<>();
    private final List<Integer> counts;
    private final List<FusedExperts> fused;
    private final Map<String, Placement> placements = new HashMap<>();

    private Experts(List<Integer> counts, List<FusedExperts> fused) {
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
        return new Experts(counts, FusedExperts.readAll(root));
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

    List<FusedExperts> fused() {
        return fused;
    }

    /** Experts of each layer, as the model file says; empty where it has none. */
    List<Integer> counts() {
        return counts;
    }

    /** The layer whose fused parameter {@code name} is, or null. */
    FusedExperts findFused(String name) {
        for (FusedExperts layer : fused) {
            if (layer.owns(name)) {
                return layer;
            }
        }
        return null;
    }

    boolean isExpert(String name) {
        if (nativeLocal.isEmpty() && fused.isEmpty()) {
            return false;
        }
        return NATIVE.matcher(name).matches() || findFused(name) != null;
    }

    /** The name that all ranks agree on, for a name as rank {@code epRank} of {@code ep} knows it. */
    String globalName(String name, int epRank) {
        if (nativeLocal.isEmpty()) {
            return name;
        }
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
            known = findFused(name).place(name, shape);
            placements.put(name, known);
        }
        return known;
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
