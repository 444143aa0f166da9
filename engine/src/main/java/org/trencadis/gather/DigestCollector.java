package org.trencadis.gather;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Box;

/** Collects what a walk finds out: roots, and which model tensors are derived. Safe for several threads. */
final class DigestCollector {
    /** Code of the finding about a model tensor that is not the rounding of its master. */
    static final String NOT_DERIVED = "model-not-derived";

    private static final int MAX_FINDINGS = 100;

    private final Catalog catalog;
    private final byte[][] roots;
    private final Map<Long, byte[]> copyRoots = new HashMap<>();
    private final List<Derivation> derivations = new ArrayList<>();
    private final List<Finding> findings = new ArrayList<>();
    private int refuted;

    DigestCollector(Catalog catalog) {
        this.catalog = catalog;
        this.roots = new byte[catalog.tensorCount()][];
    }

    synchronized Derivation addDerivation(Tensor model) {
        derivations.add(new Derivation(model));
        return derivations.getLast();
    }

    synchronized void refuteDerivation(Tensor model, String reason) {
        refuted++;
        if (findings.size() < MAX_FINDINGS) {
            findings.add(new Finding(
                    NOT_DERIVED, "tensor " + model.key() + " is not the rounding of its fp32 master: " + reason));
        }
    }

    /** Takes the root of a lane whose pieces all came. */
    void complete(Lane lane) throws IOException {
        switch (lane.role) {
            case ROOT -> {
                byte[] root = lane.root();
                synchronized (this) {
                    roots[lane.tensor.ordinal()] = root;
                }
            }
            case COPY_ROOT -> {
                byte[] root = lane.root();
                synchronized (this) {
                    copyRoots.put(lane.tensor.copyStart() + lane.readCopy, root);
                }
            }
            case NONE -> {}
        }
    }

    /** The digests, when all lanes are complete. */
    synchronized CatalogDigests digests() throws IOException {
        BitSet derived = new BitSet();
        for (Derivation derivation : derivations) {
            Tensor model = derivation.model;
            if (derivation.holds()) {
                derived.set(model.ordinal());
            } else {
                long[] point = Box.whole(model.shape()).unflatten(derivation.firstElement());
                refuteDerivation(model, "first at element " + Arrays.toString(point));
            }
        }
        if (refuted > findings.size()) {
            findings.add(new Finding(
                    NOT_DERIVED,
                    (refuted - findings.size()) + " more tensors are not the rounding of" + " their fp32 masters"));
        }
        return CatalogDigests.of(catalog, roots, copyRoots, derived, findings);
    }
}
