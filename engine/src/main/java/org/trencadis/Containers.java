package org.trencadis;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.codec.Codec;
import org.trencadis.container.Container;
import org.trencadis.container.ImportOptions;
import org.trencadis.container.StoredCheckpoint;
import org.trencadis.format.Value;
import org.trencadis.gather.CopyChoice;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.PieceWalk;
import org.trencadis.index.Catalog;
import org.trencadis.index.FileEntry;
import org.trencadis.index.Tensor;
import org.trencadis.storage.FileCache;

/** What is done to containers as a whole: list, link into, import into, remove from. */
final class Containers {
    private static final int MAX_NAME_CHARACTERS = 128;

    private Containers() {}

    static List<CheckpointSummary> summaries(Path directory) throws IOException {
        List<CheckpointSummary> summaries = new ArrayList<>();
        try (FileCache cache = new FileCache();
                Container container = Container.open(directory, cache)) {
            for (String name : container.names()) {
                try (StoredCheckpoint stored = container.open(name)) {
                    summaries.add(summary(stored));
                }
            }
        }
        return summaries;
    }

    private static CheckpointSummary summary(StoredCheckpoint stored) throws IOException {
        Catalog catalog = stored.catalog();
        Value universal = catalog.facts().find("digest.universal");
        return new CheckpointSummary(
                stored.name(),
                stored.generation(),
                catalog.tensorCount(),
                DigestRun.totalBytes(catalog),
                catalog.findFact("source"),
                isLink(catalog),
                universal instanceof Value.Blob digest ? digest.value() : null);
    }

    /** Whether some bytes lie in original files. */
    static boolean isLink(Catalog catalog) throws IOException {
        for (int file = 0; file < catalog.fileCount(); file++) {
            if (!catalog.file(file).shard()) {
                return true;
            }
        }
        return false;
    }

    static String remove(What what) throws IOException {
        if (!what.isContainer()) {
            throw new IOException(
                    what.directory() + ": is no container; only a checkpoint of a container can be removed");
        }
        try (FileCache cache = new FileCache();
                Container container = Container.open(what.directory(), cache)) {
            List<String> names = container.names();
            if (what.checkpoint() == null) {
                throw new IOException(what.directory() + ": say which checkpoint to remove"
                        + (names.isEmpty() ? "" : ": " + what.directory() + "@" + String.join(", @", names)));
            }
            container.remove(what.checkpoint());
            return what.checkpoint();
        }
    }

    static LinkReport link(Checkpoint source, Path directory, String as) throws IOException {
        if (source.isStored()) {
            throw new IOException(source.directory()
                    + ": is a container; a link points into the files of a framework, use `trencadis import`");
        }
        String name = nameFor(source, as);
        try (FileCache cache = new FileCache();
                Container container = Container.openOrCreate(directory, cache)) {
            container.link(source.catalog(), name);
        }
        return linkReport(source.catalog(), name);
    }

    private static LinkReport linkReport(Catalog catalog, String name) throws IOException {
        long fragments = 0;
        long bytes = 0;
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            bytes += tensor.bytes();
            for (int copy = 0; copy < tensor.copyCount() + tensor.marginCount(); copy++) {
                fragments += catalog.copy(tensor, copy).fragmentCount();
            }
        }
        long foreignBytes = 0;
        for (int file = 0; file < catalog.fileCount(); file++) {
            FileEntry entry = catalog.file(file);
            foreignBytes += entry.sizeBytes();
        }
        return new LinkReport(name, catalog.tensorCount(), fragments, catalog.fileCount(), bytes, foreignBytes);
    }

    static ImportReport importInto(
            Checkpoint source, Gatherer gatherer, Path directory, ImportSettings settings, Progress progress)
            throws IOException {
        String name = nameFor(source, settings.name());
        Codec codec = Codec.valueOf(settings.compression().name());
        progress.start(new PieceWalk(gatherer, 1).totalBytes());
        try (FileCache cache = new FileCache();
                Container container = Container.openOrCreate(directory, cache)) {
            var report = container.importCheckpoint(
                    gatherer, new ImportOptions(name, codec, settings.threads(), copies(settings)), progress::advance);
            return new ImportReport(
                    report.name(),
                    report.tensors(),
                    report.logicalBytes(),
                    report.writtenBytes(),
                    report.reusedBytes(),
                    DigestRun.of(report.digests(), false),
                    report.findings());
        }
    }

    private static CopyChoice copies(ImportSettings settings) {
        return settings.copies() == null ? CopyChoice.REFUSE : CopyChoice.parse(settings.copies());
    }

    /** The name asked for, else the source's tag, else that of its directory, with what a name may not hold replaced. */
    static String nameFor(Checkpoint source, String as) throws IOException {
        if (as != null) {
            Container.checkName(as);
            return as;
        }
        if (source.name() != null) {
            return source.name();
        }
        String tag = source.catalog().findFact("tag");
        String text = tag != null
                ? tag
                : source.directory().toRealPath().getFileName().toString();
        String name = text.replaceAll("[^A-Za-z0-9._-]", "_");
        String started = name.matches("[A-Za-z0-9_].*") ? name : "_" + name;
        return started.substring(0, Math.min(MAX_NAME_CHARACTERS, started.length()));
    }
}
