package org.trencadis.container;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.trencadis.format.Value;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Attachment;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogBuilder;
import org.trencadis.index.Copy;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Group;
import org.trencadis.index.Tensor;
import org.trencadis.tensor.Region;

/**
 * The catalog of an import: everything of the source's catalog, with each stored copy as one fragment in shards, with
 * digests, and without anything that says where the source lay.
 */
final class ImportedCatalog {
    private static final String BASE = "base";
    private static final String BASE_LINKS = "base_links";
    private static final String DIGEST = "digest.";

    private final Gatherer source;
    private final Catalog from;
    private final RunList runs;
    private final StoredParts parts;
    private final CatalogDigests digests;
    private final CatalogBuilder builder;

    private ImportedCatalog(
            Gatherer source, RunList runs, StoredParts parts, CatalogDigests digests, CatalogBuilder builder) {
        this.source = source;
        this.from = source.catalog();
        this.runs = runs;
        this.parts = parts;
        this.digests = digests;
        this.builder = builder;
    }

    static Catalog build(Gatherer source, RunList runs, StoredParts parts, CatalogDigests digests, String resource)
            throws IOException {
        try (CatalogBuilder builder = new CatalogBuilder()) {
            ImportedCatalog imported = new ImportedCatalog(source, runs, parts, digests, builder);
            imported.addFiles();
            for (int ordinal = 0; ordinal < imported.from.tensorCount(); ordinal++) {
                imported.addTensor(imported.from.tensor(ordinal));
            }
            imported.addRest();
            imported.addFacts();
            return builder.build(resource);
        }
    }

    private void addFiles() {
        for (StoredParts.Shard shard : parts.used()) {
            builder.addFile(new FileEntry(true, "", shard.sizeBytes(), 0, 0, 0, 0, shard.id()));
        }
    }

    private void addTensor(Tensor tensor) throws IOException {
        int ordinal = tensor.ordinal();
        int number = builder.addTensor(tensor.name(), tensor.state(), tensor.dtype(), tensor.shape());
        builder.setRoot(number, digests.root(ordinal));
        if (digests.isDerived(ordinal)) {
            builder.setDerived(number);
        }
        Region whole = Region.whole(tensor.shape());
        if (tensor.blend()) {
            builder.setBlend(number);
            for (int copy = 0; copy < tensor.copyCount(); copy++) {
                int added = builder.addCopy(number, holders(tensor, copy, copy + 1));
                builder.setCopyRoot(added, digests.copyRoot(ordinal, copy));
                addFragment(added, whole, runs.run(tensor, copy));
            }
        } else {
            int added = builder.addCopy(number, holders(tensor, 0, tensor.copyCount()));
            addFragment(added, whole, runs.run(tensor, 0));
        }
        for (int copy = tensor.copyCount(); copy < tensor.copyCount() + tensor.marginCount(); copy++) {
            int added = builder.addMargin(number, holders(tensor, copy, copy + 1));
            addFragment(added, source.copyRegion(tensor, copy), runs.run(tensor, copy));
        }
    }

    private void addFragment(int copy, Region region, int run) throws IOException {
        int first = parts.plan().firstPart(run);
        for (int part = first; part < parts.plan().endPart(run); part++) {
            int file = parts.shard(part);
            long bytes = parts.plan().bytes(part);
            if (part == first) {
                builder.addFragment(copy, region, -1, -1, file, parts.firstChunk(part), bytes);
            } else {
                builder.addExtent(file, parts.firstChunk(part), bytes);
            }
        }
    }

    /** All ranks that held any of some copies or a part of one, as a set of the builder; -1 where none is known. */
    private int holders(Tensor tensor, int firstCopy, int endCopy) throws IOException {
        Set<Long> ranks = new TreeSet<>();
        int[] last = {-1};
        for (int number = firstCopy; number < endCopy; number++) {
            Copy copy = from.copy(tensor, number);
            ranks.addAll(from.holders(copy.holders()));
            from.forEachFragment(copy, fragment -> {
                if (fragment.holders() != last[0]) {
                    last[0] = fragment.holders();
                    ranks.addAll(from.holders(last[0]));
                }
            });
        }
        return ranks.isEmpty() ? -1 : builder.addHolders(List.copyOf(ranks));
    }

    private void addRest() throws IOException {
        for (Group group : from.groups()) {
            builder.addGroup(group);
        }
        from.aliases().forEach(alias -> builder.addAlias(alias.name(), alias.target()));
        for (Attachment attachment : from.attachments()) {
            builder.addAttachment(attachment);
        }
        from.findings().forEach(finding -> builder.addFinding(finding.code(), finding.text()));
        digests.findings().forEach(finding -> builder.addFinding(finding.code(), finding.text()));
    }

    private void addFacts() throws IOException {
        for (Value.Entry fact : from.facts().entries()) {
            String name = ((Value.Text) fact.key()).value();
            if (!name.equals(BASE) && !name.equals(BASE_LINKS) && !name.startsWith(DIGEST)) {
                builder.addFact(name, fact.value());
            }
        }
        builder.addFact(DIGEST + "universal", new Value.Blob(digests.universal()));
        builder.addFact(DIGEST + "run", new Value.Blob(digests.run()));
        Value.Entry[] states =
                digests.states().entrySet().stream().map(ImportedCatalog::entry).toArray(Value.Entry[]::new);
        builder.addFact(DIGEST + "state", new Value.Mapping(Arrays.asList(states)));
    }

    private static Value.Entry entry(Map.Entry<String, byte[]> state) {
        return new Value.Entry(new Value.Text(state.getKey()), new Value.Blob(state.getValue()));
    }
}
