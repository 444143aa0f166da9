package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.layout.LayoutRules;
import org.trencadis.source.Attachments;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceLayouts;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;
import org.trencadis.torch.TorchFile;

/** Reads the tag folder of a DeepSpeed save: model files, optimizer files, layers and experts, as one catalog. */
final class DeepSpeedReader {
    private final DeepSpeedDirectory directory;
    private final FileCache cache;
    private final Draft draft;
    private final Attachments attachments;
    private final GroupBook groups = new GroupBook();
    private final ModelFiles models;
    private LayoutRules layout;
    private Value lossScaler;
    private long stage;
    private int expertParallel = 1;

    private DeepSpeedReader(DeepSpeedDirectory directory, FileCache cache, Draft draft) {
        this.directory = directory;
        this.cache = cache;
        this.draft = draft;
        this.attachments = new Attachments(draft);
        this.models = new ModelFiles(cache, attachments);
    }

    /**
     * The proved catalog of the checkpoint in {@code directory}.
     *
     * @param sourceLayout file or preset that declares tensor-parallel geometry, or null
     */
    static Catalog read(DeepSpeedDirectory directory, Path sourceLayout, FileCache cache) throws IOException {
        directory.grid().checkNotDoubled();
        try (Draft draft = new Draft(directory.tagFolder())) {
            DeepSpeedReader reader = new DeepSpeedReader(directory, cache, draft);
            reader.read(sourceLayout);
            return draft.build(directory.tagFolder().toString());
        } catch (ArithmeticException e) {
            throw new SourceException("numbers in " + directory.tagFolder() + " are too large to be true", e);
        }
    }

    private void read(Path sourceLayout) throws IOException {
        RankGrid grid = directory.grid();
        boolean slots = grid.has(RankFile.Kind.ZERO3_MODEL);
        boolean withModels = slots || grid.has(RankFile.Kind.MODEL) || !directory.universal();
        Geometry geometry = Geometry.SINGLE;
        Path[][] modelFiles = new Path[0][];
        if (withModels) {
            RankFile.Kind kind = slots ? RankFile.Kind.ZERO3_MODEL : RankFile.Kind.MODEL;
            geometry = models.readGeometry(directory, kind);
            layout = sourceLayout == null ? null : readLayout(sourceLayout, geometry);
            modelFiles = grid.complete(kind, slots ? geometry.dp() : 1, geometry.mp(), geometry.source());
            for (int mp = 0; mp < geometry.mp(); mp++) {
                models.read(modelFiles[mp][0], mp, geometry, layout);
            }
            lossScaler = models.lossScaler();
        }
        boolean partitioned = !directory.universal() && (slots || isPartitioned(grid));
        Path[][] optimizerFiles = partitioned ? optimizerFiles(geometry) : null;
        Parameters parameters = new Parameters(geometry, models.states(), models.rules(), models.experts());
        Reading reading = new Reading(draft, cache, geometry, parameters, groups, attachments);
        ModuleReader modules = new ModuleReader(reading);
        if (!slots && withModels) {
            readModules(reading, modules);
        }
        List<FusedExperts> fused = models.experts().fused();
        expertParallel = fused.isEmpty() ? 1 : fused.getFirst().ep();
        if (directory.universal()) {
            readUniversal(reading, modules, modelFiles, slots);
        } else if (slots) {
            readSlots(reading, modules, modelFiles, optimizerFiles);
        } else if (partitioned) {
            readPartitions(reading, optimizerFiles);
        } else {
            WholeOptimizerReader reader = new WholeOptimizerReader(reading, modules);
            reader.readAll(modelFiles);
            reader.readExperts(grid.files(RankFile.Kind.EXPERT_OPTIMIZER));
        }
        modules.write();
        groups.write(draft.builder());
        attachments.write();
        writeRuleFindings(reading);
        checkLayout(sourceLayout);
        writeFacts(geometry);
    }

    private static LayoutRules readLayout(Path sourceLayout, Geometry geometry) throws IOException {
        Map<String, Long> given = new TreeMap<>();
        given.put("tp", (long) geometry.tp());
        given.put("pp", (long) geometry.pp());
        given.put("dp", (long) geometry.dp());
        LayoutRules rules = new LayoutRules(SourceLayouts.read(sourceLayout, given));
        for (Map.Entry<String, Long> axis : given.entrySet()) {
            rules.checkAxis(axis.getKey(), axis.getValue(), "the checkpoint");
        }
        return rules;
    }

    /** Checks that the layout is of this checkpoint: its rules hold for parameters, its ZeRO stage is the files'. */
    private void checkLayout(Path sourceLayout) throws IOException {
        if (layout == null) {
            if (sourceLayout != null) {
                throw new SourceException(
                        directory.tagFolder() + " holds whole tensors; " + sourceLayout + " has nothing to declare");
            }
            return;
        }
        layout.checkUsed();
        if (layout.layout().zero() != null && layout.layout().zero().stage() != stage) {
            throw new SourceException(sourceLayout + " declares ZeRO stage "
                    + layout.layout().zero().stage() + ", the files are of stage " + stage);
        }
    }

    private void readPartitions(Reading reading, Path[][] optimizerFiles) throws IOException {
        PartitionReader reader = new PartitionReader(reading);
        reader.readAll(optimizerFiles);
        expertParallel = Math.max(expertParallel, reader.expertParallel());
        models.experts().checkCounts(expertParallel);
    }

    private void readUniversal(Reading reading, ModuleReader modules, Path[][] modelFiles, boolean slots)
            throws IOException {
        SlotReader ranks = new SlotReader(reading, modules);
        for (int mp = 0; slots && mp < modelFiles.length; mp++) {
            for (int d = 0; d < modelFiles[mp].length; d++) {
                ranks.readModule(mp, d, modelFiles[mp][d]);
            }
        }
        UniversalReader reader =
                new UniversalReader(reading, modules, directory.tagFolder().resolve("zero"), modelFiles.length > 0);
        reader.readAll();
        lossScaler = reader.lossScaler();
        stage = reader.stage() >= 0 ? reader.stage() : slots ? 3 : 1;
    }

    /** Whether ZeRO wrote optimizer files, or must have: then one that is missing is named. */
    private boolean isPartitioned(RankGrid grid) {
        return grid.has(RankFile.Kind.OPTIMIZER) || models.states().getFirst().groups() != null;
    }

    private Path[][] optimizerFiles(Geometry geometry) throws IOException {
        Path[][] files =
                directory.grid().complete(RankFile.Kind.OPTIMIZER, geometry.dp(), geometry.mp(), geometry.source());
        readOptimizerHead(files[0][0]);
        return files;
    }

    private void readSlots(Reading reading, ModuleReader modules, Path[][] modelFiles, Path[][] optimizerFiles)
            throws IOException {
        SlotReader reader = new SlotReader(reading, modules);
        for (int mp = 0; mp < reading.geometry().mp(); mp++) {
            for (int d = 0; d < reading.geometry().dp(); d++) {
                reader.readRank(mp, d, modelFiles[mp][d], optimizerFiles[mp][d]);
            }
        }
    }

    private void writeRuleFindings(Reading reading) {
        TreeSet<String> contradictions = new TreeSet<>();
        TreeSet<String> byDefault = new TreeSet<>();
        for (ParallelRules of : models.rules()) {
            contradictions.addAll(of.contradictions());
            byDefault.addAll(of.byDefault());
        }
        if (!contradictions.isEmpty()) {
            reading.finding(
                    "affine-maps",
                    "affine maps and name patterns describe these parameters differently, the maps were followed: "
                            + Nodes.firstOf(List.copyOf(contradictions)));
        }
        if (!byDefault.isEmpty()) {
            reading.finding(
                    "joined-by-default",
                    "no pattern says how the shards of these parameters are joined; they were joined on axis 0, as"
                            + " DeepSpeed does: " + Nodes.firstOf(List.copyOf(byDefault)));
        }
        if (!directory.grid().unknown().isEmpty()) {
            reading.finding(
                    "files-not-read",
                    "files that are no rank files were not read: "
                            + Nodes.firstOf(directory.grid().unknown()));
        }
    }

    private void readModules(Reading reading, ModuleReader modules) throws IOException {
        RankGrid grid = directory.grid();
        if (grid.has(RankFile.Kind.LAYER)) {
            new LayerReader(reading, modules, grid).readAll();
        } else {
            for (int stage = 0; stage < reading.geometry().pp(); stage++) {
                modules.addStage(stage);
            }
        }
        boolean expected = !models.experts().counts().isEmpty() && !directory.universal();
        if (grid.has(RankFile.Kind.EXPERT) || expected) {
            new ExpertReader(reading, modules).readAll(grid);
        }
    }

    /** What only the first optimizer file says: stage and loss scaler. */
    private void readOptimizerHead(Path file) throws IOException {
        try (TorchFile torch = TorchFile.open(file, cache)) {
            Node states = torch.root().get("optimizer_state_dict");
            Node number = Nodes.findValue(states, "zero_stage");
            stage = number == null ? 1 : Nodes.enumerated(number);
            lossScaler = LossScalers.find(states);
        }
    }

    private void writeFacts(Geometry geometry) {
        draft.builder().addFact("source", new Value.Text("deepspeed"));
        draft.builder()
                .addFact(
                        "evidence",
                        new Value.Sequence(directory.evidence().stream()
                                .map(text -> (Value) new Value.Text(text))
                                .toList()));
        draft.builder().addFact("base", new Value.Text(directory.tagFolder().toString()));
        draft.builder().addFact("tag", new Value.Text(directory.tag()));
        if (models.version() != null) {
            draft.builder().addFact("framework_version", new Value.Text(models.version()));
        }
        draft.builder().addFact("geometry", geometry.fact(stage, expertParallel));
        if (lossScaler != null) {
            draft.builder().addFact("loss_scaler", lossScaler);
        }
    }
}
