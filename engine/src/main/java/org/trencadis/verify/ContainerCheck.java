package org.trencadis.verify;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.trencadis.container.Container;
import org.trencadis.container.StoredName;
import org.trencadis.format.Digests;
import org.trencadis.format.Value;
import org.trencadis.gather.ShardFile;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;

/** Checks the files of a container: indexes against their twins and page checks, digests against roots, loose chunks. */
public final class ContainerCheck {
    private final Container container;
    private final Findings findings;

    public ContainerCheck(Container container, Findings findings) {
        this.container = container;
        this.findings = findings;
    }

    /**
     * Checks the index of {@code entry} and its twin, page by page, and that they are equal.
     *
     * @return whether the index can be used
     */
    public boolean checkIndex(StoredName entry) throws IOException {
        Path index = container.indexFile(entry, false);
        Path twin = container.indexFile(entry, true);
        if (!entry.hasIndex()) {
            findings.add(
                    Damage.of("index-lost", "the index of checkpoint " + entry.name() + " is lost, its twin is there")
                            .inFile(index.toString(), -1)
                            .healedBy(copy(twin, index)));
            return false;
        }
        if (!entry.hasTwin()) {
            findings.add(Damage.of("twin-missing", "the index of checkpoint " + entry.name() + " has no twin")
                    .inFile(twin.toString(), -1)
                    .healedBy(copy(index, twin)));
            return findings.passes(() -> checkIndex(index), damage -> damage);
        }
        boolean indexIsRight = findings.passes(() -> checkIndex(index), damage -> damage.healedBy(copy(twin, index)));
        boolean twinIsRight = findings.passes(() -> checkIndex(twin), damage -> damage.healedBy(copy(index, twin)));
        if (indexIsRight && twinIsRight) {
            long mismatch = Files.mismatch(index, twin);
            if (mismatch >= 0) {
                findings.add(
                        Damage.of("twin-differs", "the index of checkpoint " + entry.name() + " and its twin differ")
                                .inFile(twin.toString(), mismatch)
                                .healedBy(copy(index, twin)));
            }
        }
        return indexIsRight;
    }

    private void checkIndex(Path file) throws IOException {
        try (Catalog catalog = container.openCatalog(file)) {
            catalog.checkStructure();
        }
    }

    private static String copy(Path from, Path to) {
        return "cp -- " + Shell.quote(from) + " " + Shell.quote(to);
    }

    /** Checks that the digests of states, and of all of them, are those of the recorded roots. */
    public void checkDigests(Catalog catalog, String heal) throws IOException {
        Value.Mapping facts = catalog.facts();
        if (!(facts.find("digest.state") instanceof Value.Mapping recorded)) {
            return;
        }
        SortedMap<String, List<Digests.Named>> all = new TreeMap<>();
        SortedMap<String, List<Digests.Named>> notDerived = new TreeMap<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            if (tensor.root() == null) {
                return;
            }
            Digests.Named named = new Digests.Named(tensor.name(), tensor.root());
            all.computeIfAbsent(tensor.state(), key -> new ArrayList<>()).add(named);
            if (!tensor.derived()) {
                notDerived
                        .computeIfAbsent(tensor.state(), key -> new ArrayList<>())
                        .add(named);
            }
        }
        for (var state : all.entrySet()) {
            compare(
                    "digest of state " + state.getKey(),
                    recorded.find(state.getKey()),
                    Digests.state(state.getValue()),
                    heal);
        }
        List<Digests.Named> states = new ArrayList<>();
        notDerived.forEach((state, tensors) -> states.add(new Digests.Named(state, Digests.state(tensors))));
        compare("universal digest", facts.find("digest.universal"), Digests.universal(states), heal);
    }

    private void compare(String what, Value recorded, byte[] actual, String heal) {
        if (!new Value.Blob(actual).equals(recorded)) {
            findings.add(Damage.of("digest", "the recorded " + what + " is not that of the recorded roots")
                    .healedBy(heal));
        }
    }

    /** Reads the chunks of shard {@code file} that no checkpoint read. */
    public long checkLooseChunks(Path file, ShardSet open, MemorySegment buffer) throws IOException {
        long[] bytes = new long[1];
        ShardFile[] shard = new ShardFile[1];
        if (!findings.passes(() -> shard[0] = open.open(file), damage -> damage)) {
            return 0;
        }
        for (int ordinal = 0; ordinal < shard[0].chunkCount(); ordinal++) {
            int chunk = ordinal;
            findings.passes(
                    () -> bytes[0] += open.check(shard[0], chunk, buffer),
                    damage -> damage.inChunk(chunk).inFile(file.toString(), damage.offsetBytes()));
        }
        return bytes[0];
    }
}
