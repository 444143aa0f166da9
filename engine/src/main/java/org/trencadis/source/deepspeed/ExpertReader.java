package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.layout.Placement;
import org.trencadis.layout.ShardMap;
import org.trencadis.source.SourceException;
import org.trencadis.torch.TorchFile;
import org.trencadis.torch.TorchTensor;

/**
 * Reads the modules of experts: a file for each expert of each mixture-of-experts layer, with global numbers. A tensor of a
 * fused layer is a part of its fused tensor.
 */
final class ExpertReader {
    /** The files of one expert. */
    private record Key(int layer, int expert) implements Comparable<Key> {
        @Override
        public int compareTo(Key other) {
            return layer != other.layer ? Integer.compare(layer, other.layer) : Integer.compare(expert, other.expert);
        }
    }

    /** Which ranks held an expert is known from the optimizer files only. */
    private static final int NO_HOLDERS = -1;

    private final Reading reading;
    private final ModuleReader modules;
    private final Map<Key, Path[]> files = new TreeMap<>();

    ExpertReader(Reading reading, ModuleReader modules) {
        this.reading = reading;
        this.modules = modules;
    }

    /** Reads all experts and checks that none is missing or foreign. */
    void readAll(RankGrid grid) throws IOException {
        int tp = reading.geometry().tp();
        if (reading.geometry().pp() > 1) {
            throw new SourceException("expert files in a checkpoint of "
                    + reading.geometry().pp() + " pipeline stages are not supported");
        }
        for (RankFile file : grid.files(RankFile.Kind.EXPERT)) {
            if (file.mp() >= tp) {
                throw new SourceException("rank file " + file.fileName() + " is foreign to this checkpoint: it has "
                        + tp + " model-parallel ranks by " + reading.geometry().source());
            }
            files.computeIfAbsent(new Key(file.layer(), file.expert()), key -> new Path[tp])[file.mp()] = file.path();
        }
        checkComplete();
        for (Path[] expert : files.values()) {
            readExpert(expert);
        }
    }

    private void checkComplete() throws SourceException {
        List<Integer> counts = reading.parameters().experts().counts();
        for (int layer = 0; layer < counts.size(); layer++) {
            for (int expert = 0; expert < counts.get(layer); expert++) {
                boolean oldNames = counts.size() == 1 && files.containsKey(new Key(RankFile.NONE, expert));
                if (!oldNames && !files.containsKey(new Key(layer, expert))) {
                    throw missing(layer, expert, 0);
                }
            }
        }
        for (Map.Entry<Key, Path[]> entry : files.entrySet()) {
            Key key = entry.getKey();
            for (int mp = 0; mp < entry.getValue().length; mp++) {
                if (entry.getValue()[mp] == null) {
                    throw missing(key.layer(), key.expert(), mp);
                }
            }
            boolean known = counts.isEmpty()
                    || key.expert() < counts.get(Math.min(Math.max(key.layer(), 0), counts.size() - 1))
                            && key.layer() < counts.size();
            if (!known) {
                throw new SourceException("rank file " + entry.getValue()[0].getFileName()
                        + " is foreign to this checkpoint: num_experts is " + counts);
            }
        }
    }

    private static SourceException missing(int layer, int expert, int mp) {
        String name = layer == RankFile.NONE
                ? String.format(Locale.ROOT, "expert_%d_mp_rank_%02d_model_states.pt", expert, mp)
                : String.format(Locale.ROOT, "layer_%d_expert_%d_mp_rank_%02d_model_states.pt", layer, expert, mp);
        return new SourceException("an expert file is missing: expected " + name);
    }

    private void readExpert(Path[] ranks) throws IOException {
        List<Map<String, ModuleReader.Shard>> parts = new ArrayList<>();
        for (Path path : ranks) {
            try (TorchFile torch = TorchFile.open(path, reading.cache())) {
                Experts.checkStateDictionary(torch.root());
                Map<String, TorchTensor> tensors = new LinkedHashMap<>();
                List<String> others = new ArrayList<>();
                ModelStates.readTensors(torch.root(), tensors, others);
                for (String name : others) {
                    reading.attachments().add("expert", name, torch.root().get(name), torch.file());
                }
                Map<String, ModuleReader.Shard> shards = new LinkedHashMap<>();
                tensors.forEach((name, tensor) ->
                        shards.put(name, new ModuleReader.Shard(tensor, torch.file(), torch.stamp(), NO_HOLDERS)));
                parts.add(shards);
            }
        }
        for (Map.Entry<String, List<ModuleReader.Shard>> tensor :
                ModuleReader.byName(parts).entrySet()) {
            addTensor(tensor.getKey(), tensor.getValue());
        }
    }

    private void addTensor(String name, List<ModuleReader.Shard> shards) throws IOException {
        Experts experts = reading.parameters().experts();
        Map.Entry<String, Integer> split = experts.findSplit(name);
        if (split == null) {
            modules.addTensor(0, 0, name, shards);
            return;
        }
        if (shards.size() > 1) {
            throw new SourceException("tensor " + name + ": fused experts on " + shards.size()
                    + " tensor-parallel ranks are not supported");
        }
        ModuleReader.Shard shard = shards.getFirst();
        FusedExperts layer = experts.findFused(name);
        long[] own = shard.tensor().shape();
        long[] whole = new long[own.length + 1];
        whole[0] = layer.experts();
        System.arraycopy(own, 0, whole, 1, own.length);
        if (split.getValue() >= layer.experts()) {
            throw new SourceException(shard.file() + " holds expert " + split.getValue() + " of " + layer.experts());
        }
        if (!reading.parameters().model(0).isTrained(split.getKey())) {
            modules.noteFrozen(split.getKey());
        }
        ShardMap row = ShardMap.of(FusedExperts.rows(whole, split.getValue(), 1));
        Placement placement = Placement.parts(whole, new ShardMap[] {row});
        reading.draft()
                .target(split.getKey(), Reading.MODEL, shard.tensor().dtype(), placement, 0, 0)
                .addShard(shard.tensor(), reading.draft().file(shard.file(), shard.stamp()), NO_HOLDERS);
    }
}
