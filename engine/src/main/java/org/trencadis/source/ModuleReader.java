package org.trencadis.source;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.format.Value;
import org.trencadis.storage.FileLease;
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

    /** Adds the modules of a stage that each tensor-parallel rank wrote once, in its model file. */
    void addStage(int stage) throws IOException {
        Geometry geometry = reading.geometry();
        int first = stage * geometry.tp();
        for (String name : reading.parameters().model(first).module().keySet()) {
            List<TorchTensor> shards = new ArrayList<>();
            for (int t = 0; t < geometry.tp(); t++) {
                ModelStates states = reading.parameters().model(first + t);
                TorchTensor shard = states.module().get(name);
                if (shard == null) {
                    throw new SourceException("tensor-parallel ranks hold the same module: " + states.file()
                            + " has no tensor " + name);
                }
                shards.add(shard);
            }
            addTensor(stage, name, shards);
        }
        checkNothingElse(first);
        addFrozenCopies(stage);
    }

    private void checkNothingElse(int first) throws SourceException {
        for (int t = 1; t < reading.geometry().tp(); t++) {
            ModelStates states = reading.parameters().model(first + t);
            for (String name : states.module().keySet()) {
                if (!reading.parameters().model(first).module().containsKey(name)) {
                    throw new SourceException("tensor-parallel ranks hold the same module: "
                            + reading.parameters().model(first).file() + " has no tensor " + name + " of "
                            + states.file());
                }
            }
        }
    }

    private void addTensor(int stage, String name, List<TorchTensor> shards) throws IOException {
        int first = stage * reading.geometry().tp();
        ModelStates states = reading.parameters().model(first);
        String target = states.aliases().get(name);
        target = target == null ? findRouter(states, name) : target;
        if (target != null) {
            aliases.put(name, target);
            return;
        }
        if (states.isPlaceholder(name, shards.getFirst())) {
            return;
        }
        note(states, name);
        long[][] shapes = shards.stream().map(TorchTensor::shape).toArray(long[][]::new);
        Placement placement = reading.parameters().modulePlacement(stage, name, shapes);
        for (int t = 0; t < shapes.length; t++) {
            ModelStates own = reading.parameters().model(first + t);
            reading.draft()
                    .target(name, Reading.MODEL, shards.get(t).dtype(), placement, stage, t)
                    .addShard(
                            shards.get(t), reading.draft().file(own.file(), own.stamp()), reading.holders(first + t));
        }
    }

    /** Remembers whether a tensor of the module is a buffer or a frozen parameter. */
    void note(ModelStates states, String name) {
        if (states.buffers().contains(name)) {
            buffers.add(name);
        } else if (!states.isTrained(name)) {
            frozen.add(name);
        }
    }

    void noteFrozen(String name) {
        frozen.add(name);
    }

    void noteBuffer(String name) {
        buffers.add(name);
    }

    void addAlias(String alias, String target) {
        aliases.put(alias, target);
    }

    /** Frozen parameters that the module leaves out but whose copies the file keeps beside it. */
    private void addFrozenCopies(int stage) throws IOException {
        int first = stage * reading.geometry().tp();
        for (String name : reading.parameters().model(first).frozenFragments().keySet()) {
            if (reading.parameters().model(first).module().containsKey(name)) {
                continue;
            }
            List<TorchTensor> shards = new ArrayList<>();
            for (int t = 0; t < reading.geometry().tp(); t++) {
                TorchTensor shard =
                        reading.parameters().model(first + t).frozenFragments().get(name);
                if (shard == null) {
                    throw new SourceException("tensor-parallel ranks hold the same parameters: "
                            + reading.parameters().model(first + t).file() + " has no frozen parameter " + name);
                }
                shards.add(shard);
            }
            addTensor(stage, name, shards);
        }
    }

    /**
     * AutoEP keeps the router of a layer under a second name, as a tensor of its own in the file. It is taken for the same
     * only where the bytes are equal: routers are small.
     */
    private String findRouter(ModelStates states, String name) throws IOException {
        if (states.isTrained(name) || states.buffers().contains(name)) {
            return null;
        }
        for (Experts.Fused layer : reading.parameters().experts().fused()) {
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
                && java.util.Arrays.equals(one.shape(), other.shape())
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
                if (!java.util.Arrays.equals(left, 0, bytes, right, 0, bytes)) {
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
