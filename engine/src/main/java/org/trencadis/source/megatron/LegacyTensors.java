package org.trencadis.source.megatron;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.trencadis.layout.LayoutRules;
import org.trencadis.layout.Placement;
import org.trencadis.layout.Rule;
import org.trencadis.layout.ShardJoins;
import org.trencadis.source.Draft;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.storage.FileCache;
import org.trencadis.torch.TorchTensor;

/** Adds the model's tensors of each stage: state {@code model}, joined by the layout's rules. */
final class LegacyTensors {
    static final String MODEL = "model";

    private static final String OUTPUT = "output_layer.weight";
    private static final String HEAD = "word_embeddings_for_head.weight";

    private final Draft draft;
    private final SameBytes same;
    private final LegacyGeometry geometry;
    private final LegacyLayout layout;
    private final boolean tied;
    private final AttentionOrder.Saved order;
    private final TreeSet<String> unpadded = new TreeSet<>();

    /** @param version that the save says it is of, or null */
    LegacyTensors(
            Draft draft,
            FileCache cache,
            LegacyGeometry geometry,
            LegacyLayout layout,
            StoredArguments args,
            Double version) {
        this.draft = draft;
        this.same = new SameBytes(cache);
        this.geometry = geometry;
        this.layout = layout;
        this.tied = args.isTied();
        this.order = AttentionOrder.of(
                version,
                args,
                layout.rules() == null ? Map.of() : layout.rules().layout().values(),
                geometry);
    }

    /**
     * Adds the tensors of one piece.
     *
     * @param models by rank of the stage
     * @return what each name in the files is, in the module's order
     */
    List<LegacyPart.Owned> addPiece(int stage, int piece, List<LegacyModel> models, StageLayers layers)
            throws IOException {
        LinkedHashSet<String> names = new LinkedHashSet<>();
        models.forEach(model -> names.addAll(model.tensors().keySet()));
        int copy = piece * geometry.pp() + stage;
        List<LegacyPart.Owned> owned = new ArrayList<>();
        for (String local : names) {
            owned.add(new Adding(stage, copy, models, local, layers.global(local, stage, piece)).add());
        }
        return owned;
    }

    /** One name of one piece. */
    private final class Adding {
        private final int stage;
        private final int copy;
        private final List<LegacyModel> models;
        private final String local;
        private final String name;
        private final TorchTensor[] shards;
        private final LegacyPart[] parts;

        Adding(int stage, int copy, List<LegacyModel> models, String local, String name) {
            this.stage = stage;
            this.copy = copy;
            this.models = models;
            this.local = local;
            this.name = name;
            this.shards =
                    models.stream().map(model -> model.tensors().get(local)).toArray(TorchTensor[]::new);
            this.parts = new LegacyPart[shards.length];
        }

        LegacyPart.Owned add() throws IOException {
            Rule rule = layout.rules() == null ? null : layout.rules().find(name);
            boolean expert = rule != null && rule.expert() != null;
            boolean numbered = rule != null && LayoutRules.isNumbered(rule);
            if (numbered) {
                for (int e = 0; e < geometry.ep(); e++) {
                    addExpert(rule, e);
                }
            } else {
                Placement placement = rule == null
                        ? placeUnmatched()
                        : LayoutRules.join(rule, name, geometry.stage(expert), shapes());
                notePadding(rule, placement);
                addAll(name, placement, 0, shards.length, expert);
            }
            return new LegacyPart.Owned(local, parts);
        }

        private long[][] shapes() {
            return Arrays.stream(shards)
                    .map(shard -> shard == null ? null : shard.shape())
                    .toArray(long[][]::new);
        }

        private void addExpert(Rule rule, int e) throws IOException {
            int from = e * geometry.etp();
            int to = from + geometry.etp();
            if (Arrays.stream(shards, from, to).allMatch(shard -> shard == null)) {
                return;
            }
            if (rule.expert().count() == Rule.OPEN && geometry.ep() > 1) {
                throw new SourceException(rule.place() + ": rule " + rule.match() + " says no count of experts, which "
                        + geometry.ep() + " expert-parallel ranks share");
            }
            long each = geometry.ep() == 1 ? 0 : rule.expert().count() / geometry.ep();
            String global = layout.rules().globalName(rule, name, e * each);
            long[][] shapes = Arrays.copyOfRange(shapes(), from, to);
            Placement placement = LayoutRules.join(rule, global, geometry.tensor(), shapes);
            addAll(global, placement, from, to, true);
        }

        private void addAll(String whole, Placement placement, int from, int to, boolean expert) throws IOException {
            String target = target(whole);
            int number = copy;
            if (!target.equals(whole)) {
                draft.builder().addAlias(whole, target);
                // On a single stage the head stands beside the embedding itself.
                number = geometry.pp() * geometry.pieces() == 1 ? 1 : copy;
            }
            AttentionOrder rows = null;
            for (int rank = from; rank < to; rank++) {
                if (rows == null && shards[rank] != null && placement.shape().length > 0) {
                    rows = order.find(whole, shards[rank].shape(), placement.shape()[0]);
                }
            }
            for (int rank = from; rank < to; rank++) {
                TorchTensor shard = shards[rank];
                if (shard != null) {
                    Placement of = rows == null ? placement : rows.cut(placement, shard.shape());
                    parts[rank] = new LegacyPart(target, of, number, rank - from, shard, rows, expert);
                    LegacyModel model = models.get(rank);
                    int file = draft.file(model.file(), model.stamp());
                    parts[rank].add(draft, MODEL, shard, file, holders(draft, geometry, stage, rank));
                }
            }
        }

        /** A parameter that no rule matches is taken only where all ranks hold the same bytes. */
        private Placement placeUnmatched() throws IOException {
            if (shards.length == 1) {
                return Placement.unique(shards[0].shape());
            }
            for (int rank = 0; rank < shards.length; rank++) {
                if (shards[rank] == null || !isSame(0, rank)) {
                    throw new SourceException("parameter " + name + " is not the same on all "
                            + shards.length + " ranks of stage " + stage + " (" + print() + "), and no rule of "
                            + layout.rules().layout().origin()
                            + " says how it is cut; declare it with --source-layout, as in {match: '" + name
                            + "', shard: {dim: 0}}, or replicate, average, unique");
                }
            }
            return Placement.copies(shards[0].shape(), false, shards.length);
        }

        private String print() {
            boolean everywhere = Arrays.stream(shards).allMatch(shard -> shard != null);
            return everywhere ? "shards " + ShardJoins.print(shapes()) : "not all have it";
        }

        private boolean isSame(int one, int other) throws IOException {
            return one == other
                    || same.areSame(
                            shards[one],
                            models.get(one).file(),
                            shards[other],
                            models.get(other).file());
        }

        private void notePadding(Rule rule, Placement placement) {
            if (rule != null && rule.pad() != null && rule.pad().extent() == Rule.OPEN) {
                unpadded.add(name + " (" + placement.shape()[0] + " rows)");
            }
        }
    }

    /** The set of the job's ranks that held what a rank of a stage wrote. */
    static int holders(Draft draft, LegacyGeometry geometry, int stage, int rank) {
        return draft.builder().addHolders(geometry.holders(rank, stage));
    }

    /** The tensor that a name is another name of. */
    private String target(String name) {
        boolean alias = name.equals(HEAD) || tied && name.equals(OUTPUT);
        return alias && draft.has(LegacyPart.EMBEDDING, MODEL) ? LegacyPart.EMBEDDING : name;
    }

    /** Writes what the files do not say. */
    void write() {
        if (!unpadded.isEmpty()) {
            draft.builder()
                    .addFinding(
                            "megatron.vocabulary",
                            "the stored arguments do not say how many words there are without padding; all rows are"
                                    + " taken as words: " + Nodes.firstOf(List.copyOf(unpadded)));
        }
    }
}
