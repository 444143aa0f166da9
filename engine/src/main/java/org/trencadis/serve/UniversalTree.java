package org.trencadis.serve;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import org.trencadis.gather.Gatherer;
import org.trencadis.index.Alias;
import org.trencadis.index.Catalog;
import org.trencadis.index.Tensor;
import org.trencadis.layout.UniversalLayout;

/**
 * The files of a DeepSpeed universal checkpoint: a directory that {@code load_checkpoint} takes as it is, with a folder for
 * the tag and {@code latest_universal} beside it.
 *
 * <p>Below {@code zero/} each parameter has a folder with a file for each of its states. Loaders of stages 1 and 2 want
 * tensors of their shape in a dictionary that says how they are cut, and the step beside them; the loader of stage 3 wants
 * bare flat tensors. Either kind of checkpoint is written for either loader.
 */
public final class UniversalTree {
    static final String MASTER = "fp32";
    static final String MODEL = "model";

    private static final String SUFFIX = "_universal";
    private static final int MAX_NAME_BYTES = 255;

    private final Gatherer gatherer;
    private final Catalog catalog;
    private final UniversalLayout layout;
    private final RunGroups groups;
    private final ShardRules rules;
    private final boolean isTensorParallel;
    private final String folder;
    private final List<UniversalFile> files = new ArrayList<>();
    private final List<Tensor> module = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private long tensors;
    private long tensorBytes;

    private UniversalTree(Gatherer gatherer, UniversalLayout layout, Consumer<String> notices) throws IOException {
        this.gatherer = gatherer;
        this.catalog = gatherer.catalog();
        this.layout = layout;
        this.groups = RunGroups.read(catalog, notices);
        SourceMesh mesh = SourceMesh.read(catalog);
        SavedState saved = SavedState.read(catalog, mesh, notices);
        this.rules = new ShardRules(saved.find("universal_checkpoint_info"), saved.find("ds_autoep_layers"));
        this.isTensorParallel = mesh.tp() > 1;
        this.folder = folder(catalog.findFact("tag"));
        addParameters(notices);
        addAliases();
        add("zero/optimizer_state.pt", 0, new OptimizerStateFile(catalog, mesh, layout, groups, saved, notices)::write);
        addModelFiles(mesh, saved, notices);
        files.sort(Comparator.comparingLong(UniversalFile::payloadBytes).reversed());
        if (layout.isPartitioned() && groups.hasDifferingSteps()) {
            notices.accept("parameters of one group have different steps: stage 3 knows one, the first is written");
        }
        if (groups.groups().isEmpty()) {
            notices.accept("the checkpoint has no optimizer groups: DeepSpeed cannot resume training from it");
        }
    }

    /**
     * Plans the files for one kind of loader.
     *
     * @param notices is told what is left out
     */
    public static UniversalTree plan(Gatherer gatherer, UniversalLayout layout, Consumer<String> notices)
            throws IOException {
        return new UniversalTree(gatherer, layout, notices);
    }

    /** The files of the checkpoint, the largest first; their names are paths below the directory. */
    public List<UniversalFile> files() {
        return files;
    }

    /** The file that says which folder to load. */
    public TextFile latest() {
        return new TextFile("latest_universal", folder);
    }

    /** The number of tensors that the files hold. */
    public long tensors() {
        return tensors;
    }

    /** Bytes of those tensors. */
    public long tensorBytes() {
        return tensorBytes;
    }

    private static String folder(String tag) throws IOException {
        String name = tag == null || tag.isEmpty() ? "checkpoint" : tag;
        name = name.endsWith(SUFFIX) ? name : name + SUFFIX;
        checkPath(name);
        return name;
    }

    private void add(String path, long payloadBytes, UniversalFile.Content content) {
        files.add(new UniversalFile(folder + '/' + path, payloadBytes, content));
    }

    private void add(String path, ShardTags tags, TensorStorage storage) {
        long[] shape = tags.fileShape(storage.tensor().shape());
        add(
                path,
                storage.bytes(),
                pickler -> pickler.dict(tags.count() + 1, () -> {
                    tags.write(pickler);
                    pickler.text("param");
                    pickler.tensor(storage.dtype(), shape, storage);
                }));
    }

    private void addParameters(Consumer<String> notices) throws IOException {
        List<Tensor> states = new ArrayList<>();
        for (int ordinal = 0; ordinal <= catalog.tensorCount(); ordinal++) {
            Tensor tensor = ordinal < catalog.tensorCount() ? catalog.tensor(ordinal) : null;
            if (!states.isEmpty()
                    && (tensor == null
                            || !tensor.name().equals(states.getFirst().name()))) {
                addParameter(states, notices);
                states.clear();
            }
            if (tensor != null) {
                states.add(tensor);
            }
        }
    }

    private void addParameter(List<Tensor> states, Consumer<String> notices) throws IOException {
        String name = states.getFirst().name();
        checkPath(name);
        names.add(name);
        boolean isOwned = states.stream().anyMatch(state -> !state.state().equals(MODEL));
        for (Tensor tensor : states) {
            count(tensor);
            if (!tensor.state().equals(MODEL)) {
                checkPath(tensor.state());
                addState(tensor);
            } else {
                module.add(tensor);
                if (!isOwned) {
                    addModelOnly(name, tensor, notices);
                }
            }
        }
        Step step = groups.findStep(name);
        if (isOwned && step != null && !layout.isPartitioned()) {
            add("zero/" + name + "/step.pt", Float.BYTES, step::write);
        }
    }

    private void count(Tensor tensor) {
        tensors++;
        tensorBytes += tensor.bytes();
    }

    private void addState(Tensor tensor) throws IOException {
        String path = "zero/" + tensor.name() + '/' + tensor.state() + ".pt";
        TensorStorage storage = new TensorStorage(gatherer, tensor, false);
        ShardTags tags = rules.tags(tensor.name(), tensor.shape());
        if (layout.isPartitioned() && !isTensorParallel && tags.experts() == 0) {
            long[] flat = {tensor.elements()};
            add(path, storage.bytes(), pickler -> pickler.tensor(storage.dtype(), flat, storage));
        } else {
            add(path, tags, storage);
        }
    }

    /** A tensor that no optimizer owns, as float32: DeepSpeed's converter writes these for stages 1 and 2 only. */
    private void addModelOnly(String name, Tensor tensor, Consumer<String> notices) throws IOException {
        if (layout.isPartitioned()) {
            return;
        }
        if (!CastRead.isPossible(tensor.dtype())) {
            notices.accept(name + ": is written to the model file only: "
                    + tensor.dtype().torchName() + " has no float32 value");
            return;
        }
        add("zero/" + name + "/fp32.pt", ShardTags.NONE, new TensorStorage(gatherer, tensor, true));
    }

    private void addAliases() throws IOException {
        for (Alias alias : catalog.aliases()) {
            int target = catalog.findTensor(alias.target(), MODEL);
            if (layout.isPartitioned() || target < 0 || !names.add(alias.name())) {
                continue;
            }
            checkPath(alias.name());
            Tensor tensor = catalog.tensor(target);
            if (CastRead.isPossible(tensor.dtype())) {
                add("zero/" + alias.name() + "/fp32.pt", ShardTags.NONE, new TensorStorage(gatherer, tensor, true));
            }
        }
    }

    private void addModelFiles(SourceMesh mesh, SavedState saved, Consumer<String> notices) throws IOException {
        ModelStatesFile model = new ModelStatesFile(gatherer, mesh, groups, saved, module, notices);
        for (int rank = 0; rank < model.count(); rank++) {
            String name = String.format(Locale.ROOT, "mp_rank_%02d_model_states.pt", rank);
            String path = layout.isPartitioned() ? "zero_pp_rank_0_" + name : name;
            add(path, model.payloadBytes(rank), model.content(rank));
        }
    }

    /** Names become names of directories; none may lead anywhere else. */
    private static void checkPath(String name) throws IOException {
        for (String part : name.split("/", -1)) {
            boolean isPlain = !part.isEmpty()
                    && !part.equals(".")
                    && !part.equals("..")
                    && part.indexOf('\0') < 0
                    && part.getBytes(java.nio.charset.StandardCharsets.UTF_8).length <= MAX_NAME_BYTES;
            if (!isPlain) {
                throw new IOException(
                        "'" + name + "' cannot be the name of a directory, which a universal checkpoint has"
                                + " for each parameter");
            }
        }
    }
}
