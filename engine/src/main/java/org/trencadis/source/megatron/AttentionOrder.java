package org.trencadis.source.megatron;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.trencadis.layout.Placement;
import org.trencadis.layout.ShardMap;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.TorchTensor;

/**
 * The order of rows in fused attention parameters. From version 2 on, each head has the rows of its query, key and value
 * one after another. Version 1 took turns row by row inside a head; before, a rank held all its queries, then all keys,
 * then all values. Whatever the files hold, the catalog has the order of version 2.
 */
final class AttentionOrder {
    private static final double FIRST_NOW = 2;
    private static final String DECLARE = "; declare it with --source-layout, as in values: {checkpoint_version: 2}"
            + " (0, 1, or 2 for all later ones)";

    private final boolean byRow;
    private final int heads;
    private final long headRows;

    private AttentionOrder(boolean byRow, int heads, long headRows) {
        this.byRow = byRow;
        this.heads = heads;
        this.headRows = headRows;
    }

    /** Which parts make up a parameter: 3 for query, key, value, 2 for key and value, 0 where it is no fused attention. */
    private static int parts(String name) {
        if (name.matches("(.*\\.)?query_key_value\\.(weight|bias)")) {
            return 3;
        }
        return name.matches("(.*\\.)?key_value\\.(weight|bias)") ? 2 : 0;
    }

    /**
     * The order of one save.
     *
     * @param version stored, or null
     * @param declared numbers of a source layout
     */
    static Saved of(Double version, StoredArguments args, Map<String, Long> declared, LegacyGeometry geometry) {
        Long said = declared.get("checkpoint_version");
        return new Saved(said == null ? version : Double.valueOf(said), args, declared, geometry);
    }

    /** What a save says of the order of its rows. */
    record Saved(Double version, StoredArguments args, Map<String, Long> declared, LegacyGeometry geometry) {
        /**
         * The order in which shards hold their rows, or null where it is that of the catalog.
         *
         * @param shape of a rank's shard
         * @param wholeRows rows of the whole tensor
         * @throws SourceException where nothing says it
         */
        AttentionOrder find(String name, long[] shape, long wholeRows) throws SourceException {
            int parts = parts(name);
            if (parts == 0 || version != null && version >= FIRST_NOW) {
                return null;
            }
            checkVersion(name);
            long all = declared.getOrDefault("heads", args.number(-1, "num_attention_heads"));
            if (all < 1 || all % geometry.tp() != 0) {
                throw new SourceException("rows of " + name + " are in the order of checkpoint_version " + print()
                        + ", which depends on the number of attention heads; " + (all < 1 ? "nothing says it" : all)
                        + " for " + geometry.tp()
                        + " ranks; declare it with --source-layout, as in values: {heads: 16}");
            }
            int heads = (int) (all / geometry.tp());
            long rows = shape.length == 0 ? 0 : shape[0];
            long headRows = rows / parts / heads;
            long width = args.number(args.number(-1, "hidden_size") / all, "kv_channels");
            boolean fits = headRows > 0 && headRows * parts * heads == rows && rows * geometry.tp() == wholeRows;
            if (!fits || width > 0 && width != headRows) {
                throw new SourceException("a shard of " + name + " of shape " + Shapes.print(shape) + " does not hold "
                        + parts + " parts of " + heads + " heads" + (width > 0 ? " of " + width + " rows" : "")
                        + ", which checkpoint_version " + print() + " asks for" + DECLARE);
            }
            return new AttentionOrder(version != null && version == 1, heads, headRows);
        }

        private String print() {
            return version == null ? "0 (none is stored)" : Double.toString(version);
        }

        private void checkVersion(String name) throws SourceException {
            boolean isKnown = version == null || version == 0 || version == 1;
            // Both came after version 2.
            boolean grouped = args.isTrue("group_query_attention");
            String against = !isKnown
                    ? "which Megatron never wrote"
                    : grouped
                            ? "yet its attention is grouped, which did not exist then"
                            : geometry.pieces() > 1 ? "yet its stages are virtual, which did not exist then" : null;
            if (version == null && against == null && args.number(-1, "model_parallel_size") < 1) {
                against = "and only a save with the argument model_parallel_size is known to be as old as that";
            }
            if (against != null) {
                throw new SourceException("the order of rows in " + name
                        + " is not known: the save is of checkpoint_version " + print() + ", " + against + DECLARE);
            }
        }
    }

    /** The placement whose shards are the pieces that {@link #pieces} gives, rank by rank. */
    Placement cut(Placement placement, long[] shape) {
        long inner = Shapes.elements(shape) / shape[0];
        long pieceElements = headRows * inner;
        List<ShardMap> cut = new ArrayList<>();
        for (ShardMap shard : placement.shards()) {
            for (long from = 0; from < shard.elements(); from += pieceElements) {
                cut.add(shard.cut(from, pieceElements));
            }
        }
        return new Placement(placement.shape(), placement.blend(), cut.toArray(ShardMap[]::new));
    }

    /** What a rank holds of each part of each head, in the order of version 2. */
    List<TorchTensor> pieces(TorchTensor shard) {
        long parts = shard.shape()[0] / heads / headRows;
        long[] shape = shard.shape().clone();
        shape[0] = headRows;
        long[] strides = shard.strides().clone();
        strides[0] *= byRow ? parts : 1;
        List<TorchTensor> pieces = new ArrayList<>();
        for (long head = 0; head < heads; head++) {
            for (long part = 0; part < parts; part++) {
                long row = byRow ? head * headRows * parts + part : (part * heads + head) * headRows;
                pieces.add(at(shard, row * shard.strides()[0], shape, strides));
            }
        }
        return pieces;
    }

    /** A tensor in the memory of another, from one of its elements on. */
    static TorchTensor at(TorchTensor of, long element, long[] shape, long[] strides) {
        return new TorchTensor(
                of.dtype(),
                Arrays.copyOf(shape, shape.length),
                Arrays.copyOf(strides, strides.length),
                of.offsetBytes() + of.dtype().bytes(element),
                of.storageOffsetBytes(),
                of.storageBytes(),
                of.storageKey(),
                of.bigEndian(),
                of.conjugate(),
                of.negate());
    }
}
