package org.trencadis.gather;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.trencadis.format.FormatLimits;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/**
 * Cuts the work of a walk into steps, in the order of the catalog, as they are asked for: a step is a piece of a lane, or
 * a piece of a model tensor with the pieces of its master that it may be derived from.
 */
final class WalkQueue {
    /** A lane, or a master's lane with its model's, and how far it is handed out. */
    static final class Unit {
        final Lane lane;
        final Lane model;
        final Derivation derivation;
        final long steps;
        /** Pieces of the master in a step. */
        final int ratio;

        private long next;

        Unit(Lane lane, Lane model, Derivation derivation) {
            this.lane = lane;
            this.model = model;
            this.derivation = derivation;
            this.ratio = model == null ? 1 : Float.BYTES / model.tensor.dtype().bytes();
            this.steps = model == null ? lane.pieces : model.pieces;
        }
    }

    /** One step of a unit. */
    record Step(Unit unit, long number) {}

    private final Gatherer gatherer;
    private final Catalog catalog;
    private final CopyChoice choice;
    private final BitSet averaged;
    private final DigestCollector collector;
    private final ArrayDeque<Unit> units = new ArrayDeque<>();
    private int nextTensor;

    /** {@code averaged}: ordinals of tensors whose replicas are averaged. */
    WalkQueue(Gatherer gatherer, CopyChoice choice, BitSet averaged, DigestCollector collector) {
        this.gatherer = gatherer;
        this.catalog = gatherer.catalog();
        this.choice = choice;
        this.averaged = averaged;
        this.collector = collector;
    }

    /** Steps of about 4 MiB together, in order; none when all are handed out. */
    synchronized List<Step> next() throws IOException {
        List<Step> batch = new ArrayList<>(1);
        long bytes = 0;
        while (bytes < FormatLimits.CHUNK_BYTES) {
            while (units.isEmpty() && nextTensor < catalog.tensorCount()) {
                addName();
            }
            Unit unit = units.peek();
            if (unit == null) {
                break;
            }
            batch.add(new Step(unit, unit.next++));
            bytes += Math.min(unit.lane.bytes, FormatLimits.CHUNK_BYTES);
            if (unit.next == unit.steps) {
                units.remove();
            }
        }
        return batch;
    }

    /** Adds the units of all tensors of the next name. */
    private void addName() throws IOException {
        Tensor first = catalog.tensor(nextTensor++);
        List<Tensor> states = new ArrayList<>(List.of(first));
        while (nextTensor < catalog.tensorCount()) {
            Tensor next = catalog.tensor(nextTensor);
            if (!next.name().equals(first.name())) {
                break;
            }
            states.add(next);
            nextTensor++;
        }
        Tensor master = find(states, Rounding.MASTER);
        Tensor model = find(states, Rounding.MODEL);
        boolean pair = master != null && model != null;
        boolean candidate = pair && Rounding.isCandidate(master, model);
        if (pair && !candidate) {
            collector.refuteDerivation(model, "type, shape or copies differ from those of the master");
        }
        for (Tensor tensor : states) {
            if (!candidate || !tensor.state().equals(Rounding.MODEL)) {
                add(tensor, candidate && tensor.state().equals(Rounding.MASTER) ? model : null);
            }
        }
    }

    private static Tensor find(List<Tensor> states, String state) {
        for (Tensor tensor : states) {
            if (tensor.state().equals(state)) {
                return tensor;
            }
        }
        return null;
    }

    private void add(Tensor tensor, Tensor model) throws IOException {
        Derivation derivation = model == null ? null : collector.addDerivation(model);
        if (tensor.blend()) {
            for (int copy = 0; copy < tensor.copyCount(); copy++) {
                add(new Unit(copyOfBlend(tensor, copy), model == null ? null : copyOfBlend(model, copy), derivation));
            }
            add(new Unit(combined(tensor), null, null));
            if (model != null) {
                add(new Unit(combined(model), null, null));
            }
        } else {
            add(new Unit(single(tensor), model == null ? null : single(model), derivation));
        }
        addMargins(tensor);
        if (model != null) {
            addMargins(model);
        }
    }

    private static Lane copyOfBlend(Tensor tensor, int copy) {
        return new Lane(tensor, Lane.Role.COPY_ROOT, copy, copy, false, Region.whole(tensor.shape()));
    }

    private static Lane combined(Tensor tensor) {
        Region whole = Region.whole(tensor.shape());
        return new Lane(tensor, Lane.Role.ROOT, Lane.COMBINED, Lane.NOT_STORED, false, whole);
    }

    private Lane single(Tensor tensor) throws IOException {
        int copy = choice.copy() < tensor.copyCount()
                        && catalog.copy(tensor, choice.copy()).complete()
                ? choice.copy()
                : 0;
        return new Lane(
                tensor,
                Lane.Role.ROOT,
                averaged.get(tensor.ordinal()) ? Lane.AVERAGED : copy,
                0,
                choice.check() && tensor.copyCount() > 1,
                Region.whole(tensor.shape()));
    }

    private void addMargins(Tensor tensor) throws IOException {
        for (int number = 0; number < tensor.marginCount(); number++) {
            int copy = tensor.copyCount() + number;
            Region region = gatherer.copyRegion(tensor, copy);
            add(new Unit(new Lane(tensor, Lane.Role.NONE, copy, copy, false, region), null, null));
        }
    }

    private void add(Unit unit) throws IOException {
        if (unit.steps > 0) {
            units.add(unit);
            return;
        }
        collector.complete(unit.lane);
        if (unit.model != null) {
            collector.complete(unit.model);
        }
    }
}
