package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.layout.Placement;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;

/**
 * The parameters of all model-parallel ranks: which tensor a name stands for on a rank, and where the rank's shard lies in
 * it.
 */
final class Parameters {
    /**
     * A rank's part of a tensor.
     *
     * @param name that all ranks agree on
     * @param shard number among the placement's shards
     */
    record Owner(String name, Placement placement, int shard) {}

    private final Geometry geometry;
    private final List<ModelStates> models;
    private final List<ParallelRules> rules;
    private final Experts experts;
    private final List<Map<String, Placement>> placements = new ArrayList<>();

    /**
     * Checks that tensor-parallel ranks of a stage own the same parameters.
     *
     * @param models by model-parallel rank
     * @param rules by pipeline stage
     */
    Parameters(Geometry geometry, List<ModelStates> models, List<ParallelRules> rules, Experts experts)
            throws SourceException {
        this.geometry = geometry;
        this.models = models;
        this.rules = rules;
        this.experts = experts;
        for (int stage = 0; stage < geometry.pp(); stage++) {
            placements.add(new HashMap<>());
        }
        for (int mp = 0; mp < models.size(); mp++) {
            checkSameNames(models.get(mp - mp % geometry.tp()), models.get(mp));
        }
    }

    private static void checkSameNames(ModelStates one, ModelStates other) throws SourceException {
        if (one == other) {
            return;
        }
        int groups = count(one);
        if (groups != count(other)) {
            throw new SourceException(
                    one.file() + " has " + groups + " optimizer groups, " + other.file() + " has " + count(other));
        }
        for (int group = 0; group < groups; group++) {
            List<String> names = List.copyOf(one.groups().get(group).keySet());
            List<String> others = List.copyOf(other.groups().get(group).keySet());
            if (!names.equals(others)) {
                throw new SourceException("tensor-parallel ranks own the same parameters: param_shapes[" + group
                        + "] of " + other.file() + " differs from that of " + one.file());
            }
        }
    }

    private static int count(ModelStates states) {
        return states.groups() == null ? -1 : states.groups().size();
    }

    /** The tensor that the optimizer of rank {@code mp} knows as {@code name}. */
    Owner owner(int mp, String name, int epRank) throws IOException {
        long[] shape = models.get(mp).trainedShape(name);
        if (experts.findFused(name) != null) {
            if (geometry.tp() > 1) {
                throw new SourceException("parameter " + name + ": fused experts on " + geometry.tp()
                        + " tensor-parallel ranks are not supported");
            }
            Placement placement = experts.place(name, shape);
            if (epRank >= placement.shards().length) {
                throw new SourceException("parameter " + name + ": the layer declares " + placement.shards().length
                        + " expert-parallel ranks, the optimizer files have more");
            }
            return new Owner(name, placement, epRank);
        }
        return new Owner(experts.globalName(name, epRank), placement(mp / geometry.tp(), name), mp % geometry.tp());
    }

    /** The logical shape of what the optimizer of rank {@code mp} knows as {@code name}. */
    long[] shape(int mp, String name) throws IOException {
        return experts.findFused(name) != null
                ? experts.findFused(name).wholeShape(models.get(mp).trainedShape(name))
                : placement(mp / geometry.tp(), name).shape();
    }

    /** The placement of a trained or frozen parameter on the ranks of a stage. */
    Placement placement(int stage, String name) throws IOException {
        Placement known = placements.get(stage).get(name);
        if (known == null) {
            known = rules.get(stage).place(name, shapes(stage, name));
            placements.get(stage).put(name, known);
        }
        return known;
    }

    private long[][] shapes(int stage, String name) throws SourceException {
        long[][] shapes = new long[geometry.tp()][];
        for (int t = 0; t < shapes.length; t++) {
            ModelStates states = models.get(stage * geometry.tp() + t);
            shapes[t] = states.shape(name);
            if (shapes[t] == null) {
                throw new SourceException(
                        "tensor-parallel ranks hold the same parameters: " + states.file() + " has no " + name);
            }
        }
        return shapes;
    }

    /**
     * The placement of a tensor of the module on the ranks of a stage.
     *
     * @param shapes of the module's tensors by tensor-parallel rank
     */
    Placement modulePlacement(int stage, String name, long[][] shapes) throws IOException {
        if (isBuffer(stage, name)) {
            return rules.get(stage).placeBuffer(name, shapes);
        }
        ModelStates first = models.get(stage * geometry.tp());
        if (first.shape(name) == null) {
            return rules.get(stage).place(name, shapes);
        }
        long[][] declared = shapes(stage, name);
        for (int t = 0; t < shapes.length; t++) {
            if (!Arrays.equals(declared[t], shapes[t])) {
                throw new SourceException("the module's tensor " + name + " has shape " + Shapes.print(shapes[t])
                        + ", but " + models.get(stage * geometry.tp() + t).file() + " declares "
                        + Shapes.print(declared[t]));
            }
        }
        return placement(stage, name);
    }

    boolean isBuffer(int stage, String name) {
        return models.get(stage * geometry.tp()).buffers().contains(name);
    }

    Geometry geometry() {
        return geometry;
    }

    Experts experts() {
        return experts;
    }

    /** The model states of one model-parallel rank. */
    ModelStates model(int mp) {
        return models.get(mp);
    }

    /** The rules of one pipeline stage. */
    ParallelRules rules(int stage) {
        return rules.get(stage);
    }
}
