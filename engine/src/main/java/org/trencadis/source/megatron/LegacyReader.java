package org.trencadis.source.megatron;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.trencadis.format.Value;
import org.trencadis.index.Catalog;
import org.trencadis.layout.Layout.PipelineRule;
import org.trencadis.layout.Pipeline;
import org.trencadis.source.Attachments;
import org.trencadis.source.Draft;
import org.trencadis.source.GroupBook;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.source.SourceOptions;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.Node;
import org.trencadis.torch.TorchFile;

/** Reads an iteration of {@code mp_rank} folders, stage by stage, as one catalog. */
final class LegacyReader {
    private static final String MODEL = "model";
    private static final String OPTIMIZER = "optimizer";

    private final LegacyFolder folder;
    private final FileCache cache;
    private final Draft draft;
    private final Attachments attachments;
    private final GroupBook groups = new GroupBook();
    private StoredArguments args;
    private LegacyGeometry geometry;
    private LegacyLayout layout;
    private StageLayers layers;
    private LegacyTensors tensors;
    private LegacyOptimizer optimizer;
    private FlatOptimizer flat;
    private Double version;

    private LegacyReader(LegacyFolder folder, FileCache cache, Draft draft) {
        this.folder = folder;
        this.cache = cache;
        this.draft = draft;
        this.attachments = new Attachments(draft);
    }

    /** The proved catalog of the iteration in {@code folder}. */
    static Catalog read(LegacyFolder folder, SourceOptions options, FileCache cache) throws IOException {
        try (Draft draft = new Draft(folder.folder())) {
            new LegacyReader(folder, cache, draft).read(options.sourceLayout());
            return draft.build(folder.folder().toString());
        } catch (ArithmeticException e) {
            throw new SourceException("numbers in " + folder.folder() + " are too large to be true", e);
        }
    }

    private void read(Path sourceLayout) throws IOException {
        int pieces;
        try (TorchFile torch = TorchFile.open(folder.first(), cache)) {
            args = StoredArguments.read(torch.root());
            pieces = pieces(torch);
            Node number = Nodes.findValue(torch.root(), "checkpoint_version");
            version = number == null ? null : number.asReal();
        }
        geometry = LegacyGeometry.of(folder, args, pieces);
        layout = LegacyLayout.choose(sourceLayout, args, geometry);
        layers = layers();
        tensors = new LegacyTensors(draft, cache, geometry, layout, args, version);
        optimizer = new LegacyOptimizer(draft, geometry, groups, attachments);
        flat = new FlatOptimizer(draft, cache, geometry, args);
        for (int stage = 0; stage < geometry.pp(); stage++) {
            readStage(stage);
        }
        if (layout.rules() != null) {
            layout.rules().checkUsed();
        }
        flat.write();
        optimizer.write(flat);
        groups.write(draft.builder());
        attachments.write();
        tensors.write();
        writeFacts();
    }

    /** How many pieces of the model a file holds: {@code model}, or {@code model0}, {@code model1} and so on. */
    private static int pieces(TorchFile torch) throws IOException {
        if (torch.root().find(MODEL) != null) {
            return 1;
        }
        int pieces = 0;
        while (pieces < Nodes.MAX_COUNT && torch.root().find(MODEL + pieces) != null) {
            pieces++;
        }
        if (pieces == 0) {
            throw new SourceException(torch.file() + " holds no model: expected key model, or model0 and so on");
        }
        return pieces;
    }

    private String key(int piece) {
        return geometry.pieces() == 1 ? MODEL : MODEL + piece;
    }

    private StageLayers layers() throws IOException {
        PipelineRule rule = layout.pipeline();
        if (rule != null && rule.pieces() != geometry.pieces()) {
            throw new SourceException(rule.place() + ": 'virtual' is " + rule.pieces() + "; the files hold "
                    + geometry.pieces() + " pieces of the model");
        }
        Pipeline declared = rule == null ? null : rule.stages(geometry.pp());
        if (declared != null) {
            return StageLayers.of(declared, rule, rule.place());
        }
        Pipeline stored = ArgumentPipeline.find(args, geometry.pp(), geometry.pieces());
        if (stored != null) {
            return StageLayers.of(stored, rule, "the stored arguments");
        }
        return StageLayers.of(new Pipeline(geometry.pp(), counted(rule)), rule, "the files");
    }

    /** Layers that the files hold, by depth. */
    private long[] counted(PipelineRule rule) throws IOException {
        long[] counts = new long[geometry.pp() * geometry.pieces()];
        for (int stage = 0; stage < geometry.pp(); stage++) {
            try (TorchFile torch = TorchFile.open(geometry.file(folder, 0, stage), cache)) {
                for (int piece = 0; piece < geometry.pieces(); piece++) {
                    LegacyModel model = LegacyModel.read(torch, key(piece), new Attachments(draft));
                    counts[piece * geometry.pp() + stage] =
                            StageLayers.count(model.tensors().keySet(), rule);
                }
            }
        }
        return counts;
    }

    private void readStage(int stage) throws IOException {
        List<List<LegacyModel>> pieces = new ArrayList<>();
        for (int piece = 0; piece < geometry.pieces(); piece++) {
            pieces.add(new ArrayList<>());
        }
        for (int rank = 0; rank < geometry.ranks(); rank++) {
            Path file = geometry.file(folder, rank, stage);
            try (TorchFile torch = TorchFile.open(file, cache)) {
                if (pieces(torch) != geometry.pieces()) {
                    throw new SourceException(file + " holds " + pieces(torch) + " pieces of the model, "
                            + folder.first() + " holds " + geometry.pieces());
                }
                for (int piece = 0; piece < geometry.pieces(); piece++) {
                    LegacyModel model = LegacyModel.read(torch, key(piece), attachments);
                    layers.check(model.tensors().keySet(), layout.pipeline(), stage, piece, file);
                    pieces.get(piece).add(model);
                }
                attachments.addAll(MODEL, "", torch.root(), consumed(), file);
            }
        }
        List<List<LegacyPart.Owned>> owned = new ArrayList<>();
        for (int piece = 0; piece < geometry.pieces(); piece++) {
            owned.add(tensors.addPiece(stage, piece, pieces.get(piece), layers));
        }
        for (int r = 0; r < geometry.ranks(); r++) {
            int rank = r;
            Path file = geometry.file(folder, rank, stage);
            try (TorchFile torch = TorchFile.open(file, cache)) {
                optimizer.read(
                        torch, stage, rank, owned.stream().flatMap(List::stream).toList());
            }
            if (folder.flats().containsKey(file)) {
                List<List<LegacyPart>> parameters = owned.stream()
                        .map(piece -> LegacyOptimizer.parameters(rank, piece))
                        .toList();
                flat.read(folder.flats().get(file), file, stage, rank, parameters);
            }
        }
    }

    private Set<String> consumed() {
        Set<String> keys = new HashSet<>(Set.of(OPTIMIZER));
        for (int piece = 0; piece < geometry.pieces(); piece++) {
            keys.add(key(piece));
        }
        return keys;
    }

    private void writeFacts() {
        draft.builder().addFact("source", new Value.Text(MegatronSource.NAME));
        List<Value> evidence = new ArrayList<>();
        folder.evidence().forEach(text -> evidence.add(new Value.Text(text)));
        evidence.add(new Value.Text(layout.reason()));
        draft.builder().addFact("evidence", new Value.Sequence(evidence));
        draft.builder().addFact("base", new Value.Text(folder.folder().toString()));
        draft.builder()
                .addFact("tag", new Value.Text(folder.folder().getFileName().toString()));
        if (version != null) {
            draft.builder().addFact("framework_version", new Value.Text("mp_rank " + version));
        }
        draft.builder().addFact("geometry", geometry.fact());
        if (optimizer.lossScaler() != null) {
            draft.builder().addFact("loss_scaler", optimizer.lossScaler());
        }
    }
}
