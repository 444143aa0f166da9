package org.trencadis.source.deepspeed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.trencadis.format.Value;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.torch.Node;

/**
 * The mesh of ranks that wrote a DeepSpeed checkpoint. Global ranks count pipeline stages slowest, then data-parallel
 * ranks, then tensor-parallel ranks.
 *
 * @param dp data-parallel ranks
 * @param tp tensor-parallel ranks
 * @param pp pipeline stages
 * @param dataFirst whether ranks of one expert-parallel group are {@code dp / ep} apart, not neighbours
 * @param source where the numbers come from, for messages
 */
record Geometry(int dp, int tp, int pp, boolean dataFirst, String source) {
    /** More ranks than any training had. */
    private static final int MAX_RANKS = 1 << 17;

    /** One rank: what is assumed where no file says anything. */
    static final Geometry SINGLE = new Geometry(1, 1, 1, false, "no file");

    /** Reads what a model file says, and what file names say where it says nothing. */
    static Geometry read(Node root, RankFile.Kind kind, RankGrid grid) throws IOException {
        long dp = Nodes.findLong(root, "dp_world_size", -1);
        long mp = Nodes.findLong(root, "mp_world_size", -1);
        long tp = -1;
        long pp = -1;
        Node degrees = Nodes.findValue(root, "checkpoint_parallel_dimensions");
        if (degrees != null) {
            tp = degrees.get("tp_degree").asLong();
            pp = degrees.get("pp_degree").asLong();
            checkRanks(degrees.path(), tp, pp);
            if (mp >= 0 && mp != tp * pp) {
                throw new SourceException(degrees.path() + " says " + pp + " pipeline stages of " + tp
                        + " tensor-parallel ranks, but mp_world_size is " + mp);
            }
            mp = tp * pp;
        }
        String source = dp >= 0 && mp >= 0 ? "the numbers in the model file" : "the names of the files";
        dp = dp >= 0 ? dp : Math.max(grid.dpCount(RankFile.Kind.OPTIMIZER), Math.max(grid.dpCount(kind), 1));
        mp = mp >= 0 ? mp : grid.mpCount(kind);
        if (tp < 0) {
            tp = grid.has(RankFile.Kind.LAYER) ? Math.max(grid.mpCount(RankFile.Kind.LAYER), 1) : mp;
            pp = mp / Math.max(tp, 1);
        }
        checkRanks(root.path(), dp, tp * pp);
        if (tp * pp != mp) {
            throw new SourceException(mp + " model-parallel ranks are not stages of " + tp + " tensor-parallel ranks: "
                    + "layer files name that many");
        }
        Node config = Nodes.findValue(root, "ds_config");
        Node order = config == null ? null : Nodes.findValue(config, "use_data_before_expert_parallelism");
        boolean dataFirst = order != null && order.kind() == Node.Kind.BOOL && order.asBool();
        return new Geometry((int) dp, (int) tp, (int) pp, dataFirst, source);
    }

    private static void checkRanks(String where, long one, long other) throws SourceException {
        if (one < 1 || other < 1 || one > MAX_RANKS || other > MAX_RANKS || one * other > MAX_RANKS) {
            throw new SourceException(
                    where + " says " + one + " times " + other + " ranks, expected from 1 to " + MAX_RANKS);
        }
    }

    /** Model-parallel ranks: the number in the names of files. */
    int mp() {
        return tp * pp;
    }

    /** The global rank. */
    long rank(int mp, int d) {
        return ((long) (mp / tp) * dp + d) * tp + mp % tp;
    }

    /** All data-parallel ranks of one model-parallel rank: they hold the same module. */
    List<Long> ranks(int mp) {
        return IntStream.range(0, dp).mapToObj(d -> rank(mp, d)).toList();
    }

    /** The expert-parallel rank of a data-parallel rank where {@code ep} ranks share the experts. */
    int expertRank(int d, int ep) {
        return dataFirst ? d / (dp / ep) : d % ep;
    }

    /** The position among the ranks that hold the same experts. */
    int expertDataRank(int d, int ep) {
        return dataFirst ? d % (dp / ep) : d / ep;
    }

    /** The numbers as a fact of the catalog. */
    Value.Mapping fact(long zeroStage, int ep) {
        List<Value.Entry> entries = new ArrayList<>();
        entries.add(entry("zero_stage", zeroStage));
        entries.add(entry("dp", dp));
        entries.add(entry("tp", tp));
        entries.add(entry("pp", pp));
        entries.add(entry("ep", ep));
        return new Value.Mapping(entries);
    }

    private static Value.Entry entry(String name, long value) {
        return new Value.Entry(new Value.Text(name), new Value.Int(value));
    }
}
