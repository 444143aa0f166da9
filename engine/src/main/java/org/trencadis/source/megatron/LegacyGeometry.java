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
 * The ranks of a legacy save.
 *
 * @param dp data-parallel ranks, context-parallel ones included
 * @param pieces of the model that each stage holds
 */
record LegacyGeometry(int tp, int pp, int ep, int dp, int pieces) {
    static LegacyGeometry of(LegacyFolder folder, StoredArguments args, int pieces) throws SourceException {
        int depth = folder.depth();
        int tp = args.count(folder.extent(0), "tensor_model_parallel_size", "model_parallel_size");
        int pp = args.count(depth > 1 && args.isEmpty() ? folder.extent(1) : 1, "pipeline_model_parallel_size");
        int ep = args.count(depth > 2 && args.isEmpty() ? folder.extent(2) : 1, "expert_model_parallel_size");
        if ((long) tp * pp * ep > Nodes.MAX_COUNT) {
            throw new SourceException(folder.folder() + " is of more than " + Nodes.MAX_COUNT + " ranks");
        }
        long expertTensor = args.number(tp, "expert_tensor_parallel_size");
        if (ep > 1 && expertTensor != tp) {
            throw new SourceException("experts on " + expertTensor + " tensor-parallel ranks beside " + tp
                    + " for other parameters are not supported in mp_rank folders");
        }
        long world = args.number((long) tp * pp * ep, "world_size");
        long dp = world > 0 && world <= Nodes.MAX_COUNT && world % ((long) tp * pp) == 0 ? world / tp / pp : ep;
        LegacyGeometry geometry = new LegacyGeometry(tp, pp, ep, (int) Math.max(dp, ep), pieces);
        geometry.checkFolders(folder, depth);
        return geometry;
    }

    private void checkFolders(LegacyFolder folder, int depth) throws SourceException {
        int expected = 1 + (pp > 1 ? 1 : 0) + (ep > 1 ? 1 : 0);
        // A single stage or expert rank may be written out.
        if (expected > depth || folder.ranks().size() != tp * pp * ep) {
            throw new SourceException(
                    folder.folder() + " holds folders of " + folder.ranks().size()
                            + " ranks; its arguments say " + tp + " tensor-parallel ranks, " + pp + " stages, " + ep
                            + " expert-parallel ranks");
        }
    }

    /** The file of a model-parallel rank. */
    Path file(LegacyFolder folder, int t, int p, int e) throws SourceException {
        return switch (folder.depth()) {
            case 1 -> folder.file(List.of(t));
            case 2 -> folder.file(List.of(t, ep > 1 ? e : p));
            default -> folder.file(List.of(t, p, e));
        };
    }

    /** The ranks that share a stage, by their number: expert-parallel rank, then tensor-parallel rank. */
    Mesh stage() {
        return new Mesh(List.of(new Mesh.Axis("ep", ep), new Mesh.Axis("tp", tp)));
    }

    /** The ranks that share an expert. */
    Mesh tensor() {
        return new Mesh(List.of(new Mesh.Axis("tp", tp)));
    }

    /** The job's ranks that held what one model-parallel rank wrote. */
    List<Long> holders(int t, int p, int e) {
        List<Long> ranks = new ArrayList<>();
        for (int d = e; d < dp; d += ep) {
            ranks.add(t + (long) tp * d + (long) tp * dp * p);
        }
        return ranks;
    }

    Value fact() {
        Map<String, Integer> sizes = new TreeMap<>(Map.of("tp", tp, "pp", pp, "ep", ep, "dp", dp));
        if (pieces > 1) {
            sizes.put("vp", pieces);
        }
        List<Value.Entry> entries = new ArrayList<>();
        sizes.forEach((name, size) -> entries.add(new Value.Entry(new Value.Text(name), new Value.Int(size))));
        return new Value.Mapping(entries);
    }
}
