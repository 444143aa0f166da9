package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.trencadis.source.SourceException;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the modules of a pipeline: a file for each layer, with names as the layer knows them. The tensor {@code x} of layer
 * 7 is {@code 7.x}, or {@code tied_modules.KEY.x} where the layer shares the tied module KEY, which the file does not say:
 * it is found by names and shapes.
 */
final class LayerReader {
    private static final Pattern LAYER = Pattern.compile("(\\d{1,9})\\..*");
    private static final Pattern TIED = Pattern.compile("tied_modules\\.([^.]+)\\.(.*)");

    private final Reading reading;
    private final ModuleReader modules;
    private final RankGrid grid;
    /** First stage that declares names of a layer. */
    private final Map<Integer, Integer> stageOfLayer = new TreeMap<>();

    /** Stages that declare names of a tied module, ascending. */
    private final Map<String, List<Integer>> stagesOfTied = new LinkedHashMap<>();

    private final Map<String, Integer> tiedSeen = new HashMap<>();
    private final Set<Integer> unclear = new LinkedHashSet<>();

    LayerReader(Reading reading, ModuleReader modules, RankGrid grid) {
        this.reading = reading;
        this.modules = modules;
        this.grid = grid;
        for (int stage = 0; stage < reading.geometry().pp(); stage++) {
            for (String name : names(stage)) {
                Matcher layer = LAYER.matcher(name);
                if (layer.matches()) {
                    stageOfLayer.putIfAbsent(Integer.parseInt(layer.group(1)), stage);
                }
                Matcher tied = TIED.matcher(name);
                if (tied.matches()) {
                    List<Integer> stages = stagesOfTied.computeIfAbsent(tied.group(1), key -> new ArrayList<>());
                    if (!stages.contains(stage)) {
                        stages.add(stage);
                    }
                }
            }
        }
    }

    /** Names that a stage declares: trained and frozen parameters, buffers. */
    private Set<String> names(int stage) {
        ModelStates states =
                reading.parameters().model(stage * reading.geometry().tp());
        Set<String> names = new LinkedHashSet<>();
        if (states.groups() != null) {
            states.groups().forEach(group -> names.addAll(group.keySet()));
        }
        names.addAll(states.frozenShapes().keySet());
        names.addAll(states.buffers());
        return names;
    }

    /** Reads all layers and checks that none is missing. */
    void readAll() throws IOException {
        Map<Integer, List<RankFile>> layers = new TreeMap<>();
        for (RankFile file : grid.files(RankFile.Kind.LAYER)) {
            layers.computeIfAbsent(file.layer(), key -> new ArrayList<>()).add(file);
        }
        for (int layer : stageOfLayer.keySet()) {
            if (!layers.containsKey(layer)) {
                throw new SourceException("a layer file is missing: parameters of layer " + layer
                        + " are declared, expected " + fileName(layer, 0));
            }
        }
        for (Map.Entry<Integer, List<RankFile>> layer : layers.entrySet()) {
            readLayer(layer.getKey(), checked(layer.getKey(), layer.getValue()));
        }
        for (String key : stagesOfTied.keySet()) {
            if (!tiedSeen.containsKey(key)) {
                throw new SourceException(
                        "no layer file holds the tied module '" + key + "' that param_shapes declares: one is missing");
            }
        }
        if (!unclear.isEmpty()) {
            reading.finding(
                    "tied-layers",
                    "it is not clear which tied module these layers share, their tensors keep the layer's name: "
                            + unclear);
        }
    }

    private String fileName(int layer, int t) {
        boolean axis = reading.geometry().tp() > 1
                || grid.files(RankFile.Kind.LAYER).stream().anyMatch(file -> file.mp() != RankFile.NONE);
        return axis
                ? String.format(Locale.ROOT, "layer_%02d-model_%02d-model_states.pt", layer, t)
                : String.format(Locale.ROOT, "layer_%02d-model_states.pt", layer);
    }

    /** The files of a layer by tensor-parallel rank. */
    private List<RankFile> checked(int layer, List<RankFile> files) throws SourceException {
        int tp = reading.geometry().tp();
        RankFile[] byRank = new RankFile[tp];
        for (RankFile file : files) {
            int t = Math.max(file.mp(), 0);
            if (t >= tp) {
                throw new SourceException("rank file " + file.fileName() + " is foreign to this checkpoint: it has "
                        + tp + " tensor-parallel ranks by " + reading.geometry().source());
            }
            if (byRank[t] != null) {
                throw new SourceException("a rank has one file: " + byRank[t].fileName() + " and " + file.fileName()
                        + " are of the same rank");
            }
            byRank[t] = file;
        }
        for (int t = 0; t < tp; t++) {
            if (byRank[t] == null) {
                throw new SourceException("a layer file is missing: " + fileName(layer, t)
                        + "; expected one for each of " + tp + " tensor-parallel ranks");
            }
        }
        return List.of(byRank);
    }

    private void readLayer(int layer, List<RankFile> files) throws IOException {
        List<Map<String, ModuleReader.Shard>> parts = new ArrayList<>();
        int stage = stageOfLayer.getOrDefault(layer, 0);
        for (int t = 0; t < files.size(); t++) {
            try (TorchFile torch = TorchFile.open(files.get(t).path(), reading.cache())) {
                parts.add(readPart(torch, layer, reading.holders(stage * files.size() + t)));
            }
        }
        Map<String, List<ModuleReader.Shard>> tensors = ModuleReader.byName(parts);
        String tied = findTied(layer, tensors);
        int occurrence = tied == null ? 0 : tiedSeen.merge(tied, 1, Integer::sum) - 1;
        for (Map.Entry<String, List<ModuleReader.Shard>> tensor : tensors.entrySet()) {
            String own = layer + "." + tensor.getKey();
            if (tied != null && !isDeclared(stage, own)) {
                List<Integer> stages = stagesOfTied.get(tied);
                modules.addTensor(
                        stages.get(Math.min(occurrence, stages.size() - 1)),
                        occurrence,
                        "tied_modules." + tied + "." + tensor.getKey(),
                        tensor.getValue());
            } else {
                modules.addTensor(stage, 0, own, tensor.getValue());
            }
        }
    }

    private Map<String, ModuleReader.Shard> readPart(TorchFile torch, int layer, int holders) throws IOException {
        Experts.checkStateDictionary(torch.root());
        Map<String, TorchTensor> tensors = new LinkedHashMap<>();
        List<String> others = new ArrayList<>();
        ModelStates.readTensors(torch.root(), tensors, others);
        for (String name : others) {
            reading.attachments().add("layer", layer + "." + name, torch.root().get(name), torch.file());
        }
        Map<String, ModuleReader.Shard> shards = new LinkedHashMap<>();
        tensors.forEach((name, tensor) ->
                shards.put(name, new ModuleReader.Shard(tensor, torch.file(), torch.stamp(), holders)));
        return shards;
    }

    private boolean isDeclared(int stage, String name) {
        ModelStates states =
                reading.parameters().model(stage * reading.geometry().tp());
        return states.shape(name) != null || states.buffers().contains(name);
    }

    /** The tied module that a layer shares: the one whose names and shapes are those that the layer has no own name for. */
    private String findTied(int layer, Map<String, List<ModuleReader.Shard>> tensors) {
        int stage = stageOfLayer.getOrDefault(layer, 0);
        Map<String, long[]> open = new HashMap<>();
        tensors.forEach((name, shards) -> {
            if (!isDeclared(stage, layer + "." + name)) {
                open.put(name, shards.getFirst().tensor().shape());
            }
        });
        if (open.isEmpty()) {
            return null;
        }
        List<String> exact = new ArrayList<>();
        List<String> partial = new ArrayList<>();
        for (Map.Entry<String, List<Integer>> tied : stagesOfTied.entrySet()) {
            Set<String> names = tiedNames(tied.getKey(), tied.getValue().getFirst(), open);
            if (names != null) {
                (names.equals(open.keySet()) ? exact : partial).add(tied.getKey());
            }
        }
        List<String> candidates = exact.isEmpty() ? partial : exact;
        if (candidates.size() > 1) {
            unclear.add(layer);
        }
        return candidates.size() == 1 ? candidates.getFirst() : null;
    }

    /** The names of a tied module where a layer has tensors of all of them in the declared shapes, or null. */
    private Set<String> tiedNames(String key, int stage, Map<String, long[]> open) {
        ModelStates states =
                reading.parameters().model(stage * reading.geometry().tp());
        Set<String> names = new HashSet<>();
        for (String name : names(stage)) {
            Matcher tied = TIED.matcher(name);
            if (tied.matches() && tied.group(1).equals(key)) {
                long[] shape = states.shape(name);
                long[] own = open.get(tied.group(2));
                if (own == null || shape != null && !java.util.Arrays.equals(shape, own)) {
                    return null;
                }
                names.add(tied.group(2));
            }
        }
        return names;
    }
}
