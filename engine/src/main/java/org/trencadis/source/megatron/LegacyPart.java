package org.trencadis.source.megatron;

import java.io.IOException;
import java.util.List;
import org.trencadis.layout.Placement;
import org.trencadis.source.Draft;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.TorchTensor;

/**
 * One rank's part of a tensor of an older Megatron save, as the catalog takes it.
 *
 * @param name in the catalog
 * @param copy number among pieces that hold the tensor
 * @param shard number in the placement
 * @param held the module's own, as the rank's file holds it
 * @param order in which the rank holds its rows, or null for that of the whole tensor
 * @param expert whether it is of one expert or several
 */
record LegacyPart(
        String name, Placement placement, int copy, int shard, TorchTensor held, AttentionOrder order, boolean expert) {
    /** The name of the table of words. */
    static final String EMBEDDING = "embedding.word_embeddings.weight";

    /**
     * A tensor of a piece as a rank's file names it, and what it is part of.
     *
     * @param local its name in the file
     * @param parts by rank of the stage, null where a rank has none
     */
    record Owned(String local, LegacyPart[] parts) {}

    /** Adds one state of the part, in the extents in which its rule sees it. */
    void add(Draft draft, String state, TorchTensor held, int file, int holders) throws IOException {
        if (order == null) {
            addSeen(draft.target(name, state, held.dtype(), placement, copy, shard), placement, held, file, holders);
            return;
        }
        List<TorchTensor> pieces = order.pieces(held);
        for (int i = 0; i < pieces.size(); i++) {
            draft.target(name, state, held.dtype(), placement, copy, shard * pieces.size() + i)
                    .addShard(pieces.get(i), file, holders);
        }
    }

    private static void addSeen(Draft.Target target, Placement placement, TorchTensor shard, int file, int holders)
            throws IOException {
        if (placement.shape().length == shard.shape().length) {
            target.addShard(shard, file, holders);
        } else if (shard.isRowMajor()) {
            target.addWindow(0, Shapes.elements(shard.shape()), shard, 0, file, holders);
        } else {
            throw new SourceException("a shard of shape " + Shapes.print(shard.shape())
                    + " that is not contiguous cannot be seen in other extents");
        }
    }

    /** Whether this is of the table of words, which the output layer may share. */
    boolean isEmbedding() {
        return name.equals(EMBEDDING);
    }
}
