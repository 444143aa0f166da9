package org.trencadis;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.trencadis.container.Container;
import org.trencadis.container.StoredCheckpoint;
import org.trencadis.container.StoredName;
import org.trencadis.format.FormatException;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.Workers;
import org.trencadis.index.Catalog;
import org.trencadis.index.CatalogException;
import org.trencadis.storage.FileCache;
import org.trencadis.storage.StorageException;
import org.trencadis.verify.CheckpointCheck;
import org.trencadis.verify.ContainerCheck;
import org.trencadis.verify.Damage;
import org.trencadis.verify.Findings;
import org.trencadis.verify.ShardSet;
import org.trencadis.verify.Shell;

/** One search for damage: in a framework's directory, in one checkpoint of a container, or in all of it. */
final class VerifyRun {
    private final VerifyLevel level;
    private final Progress progress;
    private final Findings findings = new Findings();
    private final List<String> notes = new ArrayList<>();
    private final AtomicLong readBytes = new AtomicLong();
    private long tensors;

    private VerifyRun(VerifyLevel level, Progress progress) {
        this.level = level;
        this.progress = progress;
    }

    static VerifyReport run(String what, OpenOptions options, VerifyLevel level, Progress progress) throws IOException {
        What parsed = What.parse(what);
        VerifyRun run = new VerifyRun(level, progress);
        if (parsed.isContainer()) {
            run.container(parsed);
        } else {
            run.source(what, options);
        }
        return run.report();
    }

    private VerifyReport report() {
        List<VerifyFinding> list = new ArrayList<>();
        for (Damage damage : findings.list()) {
            list.add(new VerifyFinding(
                    damage.code(),
                    damage.message(),
                    damage.tensor(),
                    damage.region(),
                    damage.chunk(),
                    damage.file(),
                    damage.offsetBytes(),
                    damage.heal()));
        }
        return new VerifyReport(list, tensors, readBytes.get(), notes);
    }

    private void source(String what, OpenOptions options) throws IOException {
        progress.start(0);
        try (Checkpoint checkpoint = Checkpoint.open(what, options);
                ShardSet none = new ShardSet(new FileCache())) {
            notes.add(
                    "the original files carry no digests: this shows that they can be read, not that they are unchanged");
            check(checkpoint.gatherer(), null, none, null);
        } catch (FormatException | CatalogException | StorageException e) {
            findings.addFailure(e);
        }
    }

    private void container(What what) throws IOException {
        progress.start(0);
        try (FileCache cache = new FileCache();
                ShardSet shards = new ShardSet(cache);
                Container container = Container.open(what.directory(), cache)) {
            List<StoredName> entries = entries(container, what);
            for (StoredName entry : entries) {
                stored(what, container, entry, shards);
            }
            if (what.checkpoint() == null) {
                loose(container, shards);
            }
        } catch (FormatException e) {
            findings.addFailure(e);
        }
    }

    private static List<StoredName> entries(Container container, What what) throws IOException {
        List<StoredName> all = container.entries();
        if (what.checkpoint() == null) {
            return all;
        }
        List<StoredName> named = all.stream()
                .filter(entry -> entry.name().equals(what.checkpoint()))
                .toList();
        if (named.isEmpty()) {
            throw new StorageException(what.directory(), "has no checkpoint " + what.checkpoint());
        }
        return named;
    }

    private void stored(What what, Container container, StoredName entry, ShardSet shards) throws IOException {
        ContainerCheck check = new ContainerCheck(container, findings);
        if (!check.checkIndex(entry)) {
            return;
        }
        try (StoredCheckpoint stored = container.open(entry.name())) {
            Catalog catalog = stored.catalog();
            boolean isLink = Containers.isLink(catalog);
            String heal = heal(what.directory(), entry.name(), isLink, catalog.findFact("base"));
            check.checkDigests(catalog, heal);
            if (isLink) {
                notes.add(entry.name() + " is a link without digests: change is detected, bytes are not proved");
            }
            Path shardDirectory = container.directory().resolve("shards");
            check(new Gatherer(catalog, stored.files()), shardDirectory, shards, heal);
        } catch (FormatException | StorageException e) {
            findings.addFailure(e);
        }
    }

    /** Makes the checkpoint anew from what it was made of; chunks that are whole are not written again. */
    private static String heal(Path container, String name, boolean isLink, String base) {
        String remove = "trencadis rm " + Shell.quote(container + "@" + name);
        String origin = base == null ? "ORIGINAL" : Shell.quote(base);
        return remove + " && trencadis " + (isLink ? "link " : "import ") + origin + " " + Shell.quote(container)
                + " --as " + name;
    }

    private void check(Gatherer gatherer, Path shardDirectory, ShardSet shards, String heal) throws IOException {
        CheckpointCheck check = new CheckpointCheck(gatherer, shardDirectory, shards, findings, heal);
        Catalog catalog = gatherer.catalog();
        tensors += catalog.tensorCount();
        check.checkFiles();
        Workers.forEach(
                Checkpoint.defaultThreads(),
                catalog.tensorCount(),
                PieceBuffer::new,
                (buffer, number) -> check(check, catalog, (int) number, buffer.bytes()));
    }

    private void check(CheckpointCheck check, Catalog catalog, int ordinal, MemorySegment buffer) throws IOException {
        if (!check.checkStructure(ordinal)) {
            return;
        }
        if (level.compareTo(VerifyLevel.COPIES) >= 0) {
            check.checkCopies(catalog.tensor(ordinal), buffer);
        }
        if (level.compareTo(VerifyLevel.DATA) >= 0) {
            long bytes = check.checkData(catalog.tensor(ordinal), buffer);
            readBytes.addAndGet(bytes);
            progress.advance(bytes);
        }
    }

    /** Shards that no checkpoint needs, and chunks that none refers to. */
    private void loose(Container container, ShardSet shards) throws IOException {
        if (level != VerifyLevel.DATA) {
            return;
        }
        ContainerCheck check = new ContainerCheck(container, findings);
        try (PieceBuffer buffer = new PieceBuffer()) {
            for (Path file : container.shardFiles()) {
                readBytes.addAndGet(check.checkLooseChunks(file, shards, buffer.bytes()));
            }
        }
    }
}
