package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.format.Value;
import org.trencadis.layout.Placement;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileLease;
import org.trencadis.storage.FileStamp;
import org.trencadis.torch.TorchTensor;

/**
 * Adds the module's own tensors, state {@code model}: weights in the training dtype, buffers, frozen parameters. Second
 * names of a parameter become aliases.
 */
final class ModuleReader {
    private static final int COMPARED_BYTES = 64 * 1024;

    private final Reading reading;
    private final LinkedHashSet<String> buffers = new LinkedHashSet<>();
    private final LinkedHashSet<String> frozen = new LinkedHashSet<>();
    private final Map<String, String> aliases = new TreeMap<>();

    ModuleReader(Reading reading) {
        this.reading = reading;
    }

    /**
     * One rank's part of a tensor of the module.
     *
     * @param file that holds it
     * @param holders set of the ranks that held it, or -1
     */
    record Shard(TorchTensor tensor, Path file, FileStamp stamp, int holders) {}

    /** Adds the modules of a stage that each tensor-parallel rank wrote once, in its model file. */
    void addStage(int stage) throws IOException {
        int first = stage * reading.geometry().tp();
        List<Map<String, Shard>> parts = new ArrayList<>();
        for (int t = 0; t < reading.geometry().tp(); t++) {
            ModelStates states = reading.parameters().model(first + t);
            parts.add(shards(states.module(), states, first + t));
        }
        addParts(stage, parts);
        // Frozen parameters that the module leaves out but whose copies the file keeps beside it.
        for (int t = 0; t < parts.size(); t++) {
            ModelStates states = reading.parameters().model(first + t);
            parts.set(t, shards(states.frozenFragments(), states, first + t));
            parts.get(t).keySet().removeAll(states.module().keySet());
        }
        addParts(stage, parts);
    }

    private Map<String, Shard> shards(Map<String, TorchTensor> tensors, ModelStates states, int mp) {
        int holders = reading.holders(mp);
        Map<String, Shard> shards = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> shards.put(name, new Shard(tensor, states.file(), states.stamp(), holders)));
        return shards;
    }

    private void addParts(int stage, List<Map<String, Shard>> parts) throws IOException {
        for (Map.Entry<String, List<Shard>> tensor : byName(parts).entrySet()) {
            addTensor(stage, stage, tensor.getKey(), tensor.getValue());
        }
    }

    /** The parts of each tensor by tensor-parallel rank; all ranks must hold the same tensors. */
    static Map<String, List<Shard>> byName(List<Map<String, Shard>> parts) throws SourceException {
        Map<String, List<Shard>> tensors = new LinkedHashMap<>();
        for (Map<String, Shard> part : parts) {
            part.forEach((name, shard) ->
                    tensors.computeIfAbsent(name, key -> new ArrayList<>()).add(shard));
        }
        for (Map.Entry<String, List<Shard>> tensor : tensors.entrySet()) {
            if (tensor.getValue().size() != parts.size()) {
                throw new SourceException("tensor-parallel ranks hold the same module: only "
                        + tensor.getValue().size() + " of " + parts.size() + " have tensor " + tensor.getKey() + " of "
                        + tensor.getValue().getFirst().file());
            }
        }
        return tensors;
    }

    /**
     * Adds a tensor of the module.
     *
     * @param replica which of several copies, where stages or layers hold the tensor more than once
     * @param shards by tensor-parallel rank
     */
    void addTensor(int stage, int replica, String name, List<Shard> shards) throws IOException {
        ModelStates states =
                reading.parameters().model(stage * reading.geometry().tp());
        String target = states.aliases().get(name);
        target = target == null ? findRouter(states, name) : target;
        if (target != null) {
            aliases.put(name, target);
            return;
        }
        if (states.isPlaceholder(name, shards.getFirst().tensor())) {
            return;
        }
        note(states, name);
        long[][] shapes = shards.stream().map(shard -> shard.tensor().shape()).toArray(long[][]::new);
        Placement placement = reading.parameters().modulePlacement(stage, name, shapes);
        for (int t = 0; t < shapes.length; t++) {
            Shard shard = shards.get(t);
            reading.draft()
                    .target(name, Reading.MODEL, shard.tensor().dtype(), placement, replica, t)
                    .addShard(shard.tensor(), reading.draft().file(shard.file(), shard.stamp()), shard.holders());
        }
    }

    /**
     * Remembers whether a tensor of the module is a buffer or a frozen parameter; without ZeRO the model file does not say
     * what is trained.
     */
    void note(ModelStates states, String name) {
        if (states.buffers().contains(name)) {
            buffers.add(name);
        } else if (states.groups() != null
                && !states.isTrained(reading.parameters().experts().localName(name))) {
            frozen.add(name);
        }
    }

    void noteFrozen(String name) {
        frozen.add(name);
    }

    boolean isAlias(String name) {
        return aliases.containsKey(name);
    }

    void addAlias(String alias, String target) {
        aliases.put(alias, target);
    }

    /**
     * AutoEP keeps the router of a layer under a second name, as a tensor of its own in the file. It is taken for the same
     * only where the bytes are equal: routers are small.
     */
    private String findRouter(ModelStates states, String name) throws IOException {
        if (states.isTrained(name) || states.buffers().contains(name)) {
            return null;
        }
        if (!states.module().containsKey(name)) {
            return null;
        }
        for (FusedExperts layer : reading.parameters().experts().fused()) {
            if (layer.modulePath() == null || !name.startsWith(layer.modulePath() + '.')) {
                continue;
            }
            for (Map.Entry<String, TorchTensor> other : states.module().entrySet()) {
                boolean candidate = other.getKey().startsWith(layer.modulePath() + '.')
                        && states.isTrained(other.getKey())
                        && !other.getKey().startsWith(layer.prefix() + '.');
                if (candidate && holdsSame(states, states.module().get(name), other.getValue())) {
                    return other.getKey();
                }
            }
        }
        return null;
    }

    private boolean holdsSame(ModelStates states, TorchTensor one, TorchTensor other) throws IOException {
        boolean alike = one.dtype() == other.dtype()
                && Arrays.equals(one.shape(), other.shape())
                && one.isRowMajor()
                && other.isRowMajor();
        if (!alike) {
            return false;
        }
        byte[] left = new byte[COMPARED_BYTES];
        byte[] right = new byte[COMPARED_BYTES];
        try (FileLease lease = reading.cache().lease(states.file())) {
            for (long done = 0; done < one.sizeBytes(); done += COMPARED_BYTES) {
                int bytes = (int) Math.min(COMPARED_BYTES, one.sizeBytes() - done);
                lease.read(one.offsetBytes() + done, MemorySegment.ofArray(left), 0, bytes);
                lease.read(other.offsetBytes() + done, MemorySegment.ofArray(right), 0, bytes);
                if (!Arrays.equals(left, 0, bytes, right, 0, bytes)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Writes aliases, and which tensors are buffers and frozen parameters. */
    void write() {
        aliases.forEach(reading.draft().builder()::addAlias);
        reading.draft().builder().addFact("buffers", texts(buffers));
        reading.draft().builder().addFact("frozen", texts(frozen));
    }

    private static Value texts(LinkedHashSet<String> names) {
        return new Value.Sequence(
                names.stream().map(name -> (Value) new Value.Text(name)).toList());
    }
}
