package org.trencadis.source.megatron;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.trencadis.format.Value;
import org.trencadis.layout.Mesh;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;

/**
 * The ranks of a legacy save. Of the ranks of a stage the first ones wrote a folder each, as many as hold all experts once;
 * they are numbered from 0. Experts may be cut among fewer tensor-parallel ranks than all else.
 *
 * @param etp tensor-parallel ranks that share an expert
 * @param dp data-parallel ranks, context-parallel ones included
 * @param pieces of the model that each stage holds
 */
record LegacyGeometry(int tp, int pp, int ep, int etp, int dp, int pieces) {
    static LegacyGeometry of(LegacyFolder folder, StoredArguments args, int pieces) throws SourceException {
        int depth = folder.depth();
        int tp = args.count(folder.extent(0), "tensor_model_parallel_size", "model_parallel_size");
        int pp = args.count(depth > 1 && args.isEmpty() ? folder.extent(1) : 1, "pipeline_model_parallel_size");
        int ep = args.count(depth > 2 && args.isEmpty() ? folder.extent(2) : 1, "expert_model_parallel_size");
        if ((long) tp * pp * ep > Nodes.MAX_COUNT) {
            throw new SourceException(folder.folder() + " is of more than " + Nodes.MAX_COUNT + " ranks");
        }
        int etp = args.number(0, "num_experts") > 0 ? args.count(tp, "expert_tensor_parallel_size") : tp;
        checkExperts(tp, ep, etp);
        long world = args.number((long) tp * pp * ep, "world_size");
        long dp = world > 0 && world <= Nodes.MAX_COUNT && world % ((long) tp * pp) == 0 ? world / tp / pp : ep;
        LegacyGeometry geometry = new LegacyGeometry(tp, pp, ep, etp, (int) Math.max(dp, etp * ep / tp), pieces);
        geometry.checkFolders(folder, depth);
        return geometry;
    }

    private static void checkExperts(int tp, int ep, int etp) throws SourceException {
        String said = "experts on " + etp + " tensor-parallel ranks beside " + tp + " for all else, with " + ep
                + " expert-parallel ranks: ";
        if (etp > tp) {
            throw new SourceException(said + "several ranks wrote each folder, named after the " + tp
                    + ", so only one of their shards is left; save it with --ckpt-format torch_dist");
        }
        if (etp * ep % tp != 0) {
            throw new SourceException(said + "the " + etp * ep + " ranks that wrote do not hold each of the " + tp
                    + " shards of all else equally often; save it with --ckpt-format torch_dist");
        }
    }

    private void checkFolders(LegacyFolder folder, int depth) throws SourceException {
        int expected = 1 + (pp > 1 ? 1 : 0) + (ep > 1 ? 1 : 0);
        // A single stage or expert rank may be written out.
        if (expected > depth || folder.ranks().size() != pp * ranks()) {
            throw new SourceException(
                    folder.folder() + " holds folders of " + folder.ranks().size()
                            + " ranks; its arguments say " + tp + " tensor-parallel ranks, " + pp + " stages, " + ep
                            + " expert-parallel ranks" + (etp == tp ? "" : ", " + etp + " ranks for each expert"));
        }
    }

    /** Ranks of a stage that wrote. */
    int ranks() {
        return etp * ep;
    }

    /** The file of a rank of stage {@code p}. */
    Path file(LegacyFolder folder, int rank, int p) throws SourceException {
        int t = rank % tp;
        int e = rank / etp;
        return switch (folder.depth()) {
            case 1 -> folder.file(List.of(t));
            case 2 -> folder.file(List.of(t, ep > 1 ? e : p));
            default -> folder.file(List.of(t, p, e));
        };
    }

    /** The ranks of a stage, slowest first, as parameters of experts or as all others see them. */
    Mesh stage(boolean expert) {
        int cut = expert ? etp : tp;
        return new Mesh(List.of(new Mesh.Axis("ep", ranks() / cut), new Mesh.Axis("tp", cut)));
    }

    /** The ranks that share an expert. */
    Mesh tensor() {
        return new Mesh(List.of(new Mesh.Axis("tp", etp)));
    }

    /** The job's ranks that held what a rank of stage {@code p} wrote. */
    List<Long> holders(int rank, int p) {
        List<Long> ranks = new ArrayList<>();
        long stage = (long) tp * dp;
        for (long r = rank; r < stage; r += ranks()) {
            ranks.add(r + stage * p);
        }
        return ranks;
    }

    Value fact() {
        Map<String, Integer> sizes = new TreeMap<>(Map.of("tp", tp, "pp", pp, "ep", ep, "dp", dp));
        if (etp != tp) {
            sizes.put("etp", etp);
        }
        if (pieces > 1) {
            sizes.put("vp", pieces);
        }
        List<Value.Entry> entries = new ArrayList<>();
        sizes.forEach((name, size) -> entries.add(new Value.Entry(new Value.Text(name), new Value.Int(size))));
        return new Value.Mapping(entries);
    }
}
