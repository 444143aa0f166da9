package org.trencadis;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import org.trencadis.gather.CatalogDigests;
import org.trencadis.gather.FlatDigests;
import org.trencadis.gather.Gatherer;
import org.trencadis.gather.PieceWalk;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.layout.UniversalLayout;
import org.trencadis.source.StrictJson;
import org.trencadis.storage.FileCache;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Region;

/**
 * One open checkpoint, wherever it lies: a framework's directory or a container. This is the engine's door: everything that
 * can be done with a checkpoint starts here. Reading is safe for several threads.
 */
public final class Checkpoint implements AutoCloseable {
    /** Workers never need more: each holds buffers of a few times 4 MiB. */
    private static final int MAX_THREADS = 8;

    private final Opened opened;
    private final Catalog catalog;
    private final Gatherer gatherer;
    /** Digests of everything once {@link #isDerived} needed them, else null. Used by one thread at a time. */
    private CatalogDigests computed;

    private Checkpoint(Opened opened) {
        this.opened = opened;
        this.catalog = opened.catalog();
        this.gatherer = new Gatherer(catalog, opened.files());
    }

    /**
     * Opens a framework's directory, a container with one checkpoint, or {@code DIR@NAME}. Only headers are read.
     *
     * @throws IOException saying what is wrong and what to do: nothing there, not recognised, several checkpoints
     */
    public static Checkpoint open(String what, OpenOptions options) throws IOException {
        return new Checkpoint(Opened.open(What.parse(what), options));
    }

    /** {@link #open(String, OpenOptions)} for a path. */
    public static Checkpoint open(Path directory, OpenOptions options) throws IOException {
        return open(directory.toString(), options);
    }

    /**
     * Gets ready to import, on another thread, while the caller does other things: for a process that imports at once. It
     * saves a tenth of a second, in which the JVM would load and compile what an import waits for, and has no other effect.
     */
    public static void prepareImport() {
        Thread.ofPlatform().daemon().name("prepare").start(() -> {
            FileCache.prepare();
            StrictJson.prepare();
            PieceWalk.prepare();
        });
    }

    /** How many workers long operations use unless told otherwise. */
    public static int defaultThreads() {
        return Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
    }

    /** The checkpoints of the container {@code what}, or null where it is no container or one checkpoint is named. */
    public static List<CheckpointSummary> findCheckpoints(String what) throws IOException {
        What parsed = What.parse(what);
        return parsed.isContainer() && parsed.checkpoint() == null ? Containers.summaries(parsed.directory()) : null;
    }

    /** Whether {@code what} is a container, or a checkpoint of one. */
    public static boolean isContainer(String what) throws IOException {
        return What.parse(what).isContainer();
    }

    /** Deletes the checkpoint {@code DIR@NAME} from its container; its bytes stay until they are collected. */
    public static String remove(String what) throws IOException {
        return Containers.remove(What.parse(what));
    }

    /** The directory that was opened. */
    public Path directory() {
        return opened.what().directory();
    }

    /** The name in its container, or null for a framework's directory. */
    public String name() {
        return opened.name();
    }

    /** The generation in its container, 0 for a framework's directory. */
    public long generation() {
        return opened.generation();
    }

    /** Whether it lies in a container. */
    public boolean isStored() {
        return opened.what().isContainer();
    }

    /** What the checkpoint holds; valid until this is closed. */
    public Catalog catalog() {
        return catalog;
    }

    /** The tensors that {@code filter} takes, in (name, state) order. */
    public List<Tensor> select(TensorFilter filter) throws IOException {
        List<Tensor> chosen = new ArrayList<>();
        for (int ordinal = 0; ordinal < catalog.tensorCount(); ordinal++) {
            Tensor tensor = catalog.tensor(ordinal);
            if (filter.accepts(tensor)) {
                chosen.add(tensor);
            }
        }
        return chosen;
    }

    /** The same, but at least one: numbers about nothing would look like those about something else that is nothing. */
    private List<Tensor> selectSome(TensorFilter filter) throws IOException {
        List<Tensor> chosen = select(filter);
        if (chosen.isEmpty() && filter.limits()) {
            throw nothingSelected(directory().toString());
        }
        return chosen;
    }

    /** Says that nothing is selected of {@code where}, and how to see what there is. */
    IOException nothingSelected(String where) {
        return new IOException(
                "no tensor of " + where + " is selected; `trencadis ls " + directory() + "` lists names and states");
    }

    /** Writes the elements of {@code region}, row-major and little-endian, to {@code target}; a blend is combined. */
    public void read(Tensor tensor, Region region, MemorySegment target) throws IOException {
        gatherer.gather(tensor, region, target);
    }

    /** The same for one copy of the tensor. */
    public void readCopy(Tensor tensor, int copy, Region region, MemorySegment target) throws IOException {
        gatherer.gatherCopy(tensor, copy, region, target);
    }

    /** The digests of the whole: those that are stored, else computed from every byte. */
    public CheckpointDigests digests(Progress progress) throws IOException {
        return new DigestRun(gatherer, progress).whole();
    }

    /** The flat digest of each tensor that {@code filter} takes, computed from its bytes, in (name, state) order. */
    public List<TensorDigest> flatDigests(TensorFilter filter, Progress progress) throws IOException {
        return new DigestRun(gatherer, progress).flat(selectSome(filter));
    }

    /** State digests over the tensors that {@code filter} takes, and no others. */
    public SortedMap<String, byte[]> stateDigests(TensorFilter filter, Progress progress) throws IOException {
        SortedMap<String, byte[]> digests = new DigestRun(gatherer, progress).states(selectSome(filter));
        checkUnchanged();
        return digests;
    }

    /**
     * Whether {@code tensor} is the rounding of its master, and so outside the universal digest. Reads everything once
     * where that was not recorded.
     */
    boolean isDerived(Tensor tensor) throws IOException {
        if (tensor.derived()) {
            return true;
        }
        boolean mayBe = tensor.state().equals("model") && catalog.findTensor(tensor.name(), "fp32") >= 0;
        if (!mayBe || CatalogDigests.findStored(catalog) != null) {
            return false;
        }
        if (computed == null) {
            computed = new DigestRun(gatherer, Progress.NONE).computed();
        }
        return computed.isDerived(tensor.ordinal());
    }

    /** Numbers about the elements of each tensor that {@code filter} takes, or of what each source rank held of it. */
    public List<TensorStats> stats(TensorFilter filter, boolean perRank, Progress progress) throws IOException {
        StatsRun run = new StatsRun(gatherer, progress);
        List<Tensor> tensors = selectSome(filter);
        return perRank ? run.perRank(tensors) : run.whole(tensors);
    }

    /** In what this checkpoint and {@code other} differ. */
    public List<Difference> diff(Checkpoint other, TensorFilter filter, Progress progress) throws IOException {
        return new DiffRun(this, other, filter, progress).run();
    }

    /** In what weights differ, whatever else of a training state only one of the two holds. */
    public List<Difference> diffWeights(Checkpoint other, TensorFilter filter, Progress progress) throws IOException {
        return new DiffRun(this, other, filter, progress).runWeights();
    }

    /** Whether it holds weights, and nothing else of a training state: no optimizer's states or groups. */
    public boolean isWeightsOnly() throws IOException {
        return WeightNames.isAllOf(catalog);
    }

    /** Writes an index over this framework directory into the container {@code directory}; no tensor byte is read. */
    public LinkReport link(Path directory, String as) throws IOException {
        return Containers.link(this, directory, as);
    }

    /** Copies everything into the container {@code directory} and commits it. */
    public ImportReport importInto(Path directory, ImportSettings settings, Progress progress) throws IOException {
        return Containers.importInto(this, gatherer, directory, settings, progress);
    }

    /** Writes safetensors files: into the new directory {@code out}, or one file where its name ends like one. */
    public ExportReport exportSafetensors(Path out, ExportSettings settings, Progress progress) throws IOException {
        return new ExportRun(this, gatherer, settings, progress).write(out);
    }

    /**
     * Writes the new directory {@code out}, from which DeepSpeed resumes with {@code load_universal}.
     *
     * @param layout what loads it
     * @param threads workers, at least 1
     */
    public UniversalReport exportUniversal(Path out, UniversalLayout layout, int threads, Progress progress)
            throws IOException {
        return new UniversalExport(this, gatherer, layout, threads, progress).write(out);
    }

    /** Writes the elements of {@code box}, row-major and little-endian, to {@code out}, through one small buffer. */
    public void copy(Tensor tensor, Box box, OutputStream out) throws IOException {
        new SliceRun(gatherer).write(tensor, box, out);
        checkUnchanged();
    }

    /**
     * Writes {@code head} and the elements of {@code box} to the new file {@code out}.
     *
     * @return bytes of the file
     */
    public long copy(Tensor tensor, Box box, byte[] head, Path out) throws IOException {
        return new SliceRun(gatherer).write(tensor, box, head, out, this::checkUnchanged);
    }

    /** The flat digest of one complete copy of a tensor: of a blend, before it is averaged. */
    public byte[] copyDigest(Tensor tensor, int copy) throws IOException {
        return new FlatDigests(gatherer).ofCopy(tensor, copy);
    }

    /**
     * Looks for damage in {@code what}.
     *
     * @throws IOException where it cannot be looked at: damage is in the report
     */
    public static VerifyReport verify(String what, OpenOptions options, VerifyLevel level, Progress progress)
            throws IOException {
        return VerifyRun.run(what, options, level, progress);
    }

    Gatherer gatherer() {
        return gatherer;
    }

    /**
     * Checks that no original file changed since it was opened.
     *
     * @throws org.trencadis.storage.StorageException naming the file that did
     */
    void checkUnchanged() throws IOException {
        opened.files().checkUnchanged();
    }

    @Override
    public void close() throws IOException {
        opened.close();
    }
}
