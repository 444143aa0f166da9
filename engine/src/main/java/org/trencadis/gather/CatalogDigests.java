package org.trencadis.gather;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.IntPredicate;
import org.trencadis.format.Digests;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.index.Finding;
import org.trencadis.index.Tensor;

/**
 * Digests of everything in a checkpoint. Tensors are named by their ordinal in the catalog.
 *
 * <ul>
 *   <li>The <em>root</em> of a tensor is over its canonical bytes; of a blend, over the bytes of its mean as
 *       {@link Gatherer} defines it, while each copy has its own root. Margins have none.
 *   <li>The <em>state digest</em> of a state is over all tensors of that state, derived ones too, by name in the order
 *       of the UTF-8 bytes. Aliases and margins are outside.
 *   <li>The <em>universal digest</em> is over the states in the order of their UTF-8 bytes, each with the state digest of
 *       those of its tensors that are not derived. A state without such a tensor is left out. Where no tensor of
 *       {@code model} is derived, its digest in there is its printed state digest, else another one.
 *   <li>The <em>run digest</em> is that of {@link RunState}.
 * </ul>
 */
public final class CatalogDigests {
    private final byte[][] roots;
    private final Map<Long, byte[]> copyRoots;
    private final Catalog catalog;
    private final BitSet derived;
    private final Map<String, byte[]> states;
    private final byte[] universal;
    private final byte[] run;
    private final List<Finding> findings;

    private CatalogDigests(
            Catalog catalog,
            byte[][] roots,
            Map<Long, byte[]> copyRoots,
            BitSet derived,
            Map<String, byte[]> states,
            byte[] universal,
            byte[] run,
            List<Finding> findings) {
        this.catalog = catalog;
        this.roots = roots;
        this.copyRoots = copyRoots;
        this.derived = derived;
        this.states = Collections.unmodifiableMap(states);
        this.universal = universal;
        this.run = run;
        this.findings = List.copyOf(findings);
    }

    /** Makes the digests of digests. {@code copyRoots} by the ordinal of the copy. */
    static CatalogDigests of(
            Catalog catalog, byte[][] roots, Map<Long, byte[]> copyRoots, BitSet derived, List<Finding> findings)
            throws IOException {
        Map<String, byte[]> states = new LinkedHashMap<>();
        List<Digests.Named> notDerived = new ArrayList<>();
        Map<String, Integer> kept = new HashMap<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            if (!derived.get(ordinal)) {
                kept.merge(catalog.tensor(ordinal).state(), 1, Integer::sum);
            }
        }
        for (String state : catalog.states()) {
            states.put(state, stateDigest(catalog, state, roots, ordinal -> true));
            if (kept.containsKey(state)) {
                boolean all = derived.isEmpty() || !state.equals(Rounding.MODEL);
                byte[] digest =
                        all ? states.get(state) : stateDigest(catalog, state, roots, ordinal -> !derived.get(ordinal));
                notDerived.add(new Digests.Named(state, digest));
            }
        }
        return new CatalogDigests(
                catalog,
                roots,
                copyRoots,
                derived,
                states,
                Digests.universal(notDerived),
                Digests.run(RunState.canonical(catalog)),
                findings);
    }

    private static byte[] stateDigest(Catalog catalog, String state, byte[][] roots, IntPredicate included)
            throws IOException {
        try {
            return Digests.state(() -> new Tensors(catalog, state, roots, included));
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    /** The tensors of one state with their roots, in the order of the catalog, which is that of the names. */
    private static final class Tensors implements Iterator<Digests.Named> {
        private final Catalog catalog;
        private final String state;
        private final byte[][] roots;
        private final IntPredicate included;
        private Tensor upcoming;
        private int next;

        Tensors(Catalog catalog, String state, byte[][] roots, IntPredicate included) {
            this.catalog = catalog;
            this.state = state;
            this.roots = roots;
            this.included = included;
            advance();
        }

        private void advance() {
            upcoming = null;
            try {
                while (upcoming == null && next < catalog.tensorCount()) {
                    Tensor tensor = catalog.tensor(next++);
                    upcoming = tensor.state().equals(state) && included.test(tensor.ordinal()) ? tensor : null;
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public boolean hasNext() {
            return upcoming != null;
        }

        @Override
        public Digests.Named next() {
            if (upcoming == null) {
                throw new NoSuchElementException();
            }
            Digests.Named named = new Digests.Named(upcoming.name(), roots[upcoming.ordinal()]);
            advance();
            return named;
        }
    }

    /**
     * The digests that were stored with a catalog when it was imported, or null where they were not computed.
     */
    public static CatalogDigests findStored(Catalog catalog) throws IOException {
        Value.Mapping facts = catalog.facts();
        if (!(facts.find("digest.universal") instanceof Value.Blob universal)
                || !(facts.find("digest.run") instanceof Value.Blob run)
                || !(facts.find("digest.state") instanceof Value.Mapping stored)) {
            return null;
        }
        Map<String, byte[]> states = new LinkedHashMap<>();
        for (Value.Entry entry : stored.entries()) {
            if (entry.key() instanceof Value.Text state && entry.value() instanceof Value.Blob digest) {
                states.put(state.value(), digest.value());
            }
        }
        byte[][] roots = new byte[catalog.tensorCount()][];
        Map<Long, byte[]> copyRoots = new HashMap<>();
        BitSet derived = new BitSet();
        for (int ordinal = 0; ordinal < roots.length; ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            roots[ordinal] = tensor.root();
            derived.set(ordinal, tensor.derived());
            if (tensor.root() == null) {
                return null;
            }
            for (int copy = 0; tensor.blend() && copy < tensor.copyCount(); copy++) {
                copyRoots.put(
                        tensor.copyStart() + copy, catalog.copy(tensor, copy).root());
            }
        }
        return new CatalogDigests(
                catalog, roots, copyRoots, derived, states, universal.value(), run.value(), List.of());
    }

    /** The root of a tensor; of a blend, that of its mean. */
    public byte[] root(int tensorOrdinal) {
        return roots[tensorOrdinal].clone();
    }

    /** The root of one copy of a blend, or null where the tensor is none. */
    public byte[] copyRoot(int tensorOrdinal, int copy) {
        try {
            return copyRoots.get(catalog.tensor(tensorOrdinal).copyStart() + copy);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether a model tensor is the rounding of its master. */
    public boolean isDerived(int tensorOrdinal) {
        return derived.get(tensorOrdinal);
    }

    /** State name to state digest, sorted. */
    public Map<String, byte[]> states() {
        return states;
    }

    public byte[] universal() {
        return universal.clone();
    }

    public byte[] run() {
        return run.clone();
    }

    /** Model tensors that are not the rounding of their masters, named. */
    public List<Finding> findings() {
        return findings;
    }
}
