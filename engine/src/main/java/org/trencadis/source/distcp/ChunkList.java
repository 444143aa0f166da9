package org.trencadis.source.distcp;

import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import org.trencadis.source.Nodes;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.Node;

/** The chunks that one metadata file lists for a tensor, and which of them have been met in a data file. */
final class ChunkList {
    private static final int NONE = -1;

    private final String name;
    private final long[] shape;
    private final Node chunks;
    private final int count;
    private final BitSet met = new BitSet();
    /** One more than a chunk, by the hash of its offsets; made when an item does not say its chunk. */
    private int[] table;

    ChunkList(String name, long[] shape, Node chunks) throws IOException {
        this.name = name;
        this.shape = shape;
        this.chunks = chunks;
        this.count = chunks.size();
    }

    /**
     * The box of the chunk that an item holds; null where it has no elements.
     *
     * @param offsets of the chunk
     * @param hint the number of the chunk, if it is right; negative where the item does not say it
     * @throws SourceException when no chunk is there, or it was met before
     */
    Box take(long[] offsets, long hint) throws IOException {
        int number = hint >= 0 && hint < count && isAt((int) hint, offsets) ? (int) hint : find(offsets);
        if (number == NONE) {
            throw new SourceException(chunks.path() + ": an item is said to hold the chunk of " + name + " at "
                    + Shapes.print(offsets) + ", but the tensor has no such chunk");
        }
        if (met.get(number)) {
            throw new SourceException(
                    chunks.path() + ": two items hold the chunk of " + name + " at " + Shapes.print(offsets));
        }
        met.set(number);
        return box(number);
    }

    private boolean isAt(int number, long[] wanted) throws IOException {
        Node offsets = chunks.item(number).state().get("offsets");
        if (offsets.size() != wanted.length) {
            return false;
        }
        for (int axis = 0; axis < wanted.length; axis++) {
            if (offsets.item(axis).asLong() != wanted[axis]) {
                return false;
            }
        }
        return true;
    }

    /** The box of a chunk inside the tensor, or null where it has no elements. */
    private Box box(int number) throws IOException {
        Node chunk = chunks.item(number);
        Node fields = chunk.state();
        long[] offsets = Nodes.longs(fields.get("offsets"));
        long[] extents = withLeadingOnes(Nodes.longs(fields.get("sizes")), offsets.length);
        boolean fits = offsets.length == shape.length && extents.length == shape.length;
        boolean isEmpty = false;
        for (int axis = 0; fits && axis < shape.length; axis++) {
            fits = offsets[axis] >= 0
                    && extents[axis] >= 0
                    && offsets[axis] <= shape[axis]
                    && extents[axis] <= shape[axis] - offsets[axis];
            isEmpty |= extents[axis] == 0;
        }
        if (!fits) {
            throw new SourceException(chunk.path() + ": the chunk of " + name + " at " + Arrays.toString(offsets)
                    + " of extents " + Arrays.toString(extents) + " does not lie in the tensor of shape "
                    + Shapes.print(shape));
        }
        return isEmpty ? null : new Box(offsets, extents);
    }

    /** Older writers leave axes of one layer or expert out of the extents, not out of the offsets. */
    private static long[] withLeadingOnes(long[] extents, int order) {
        if (extents.length >= order) {
            return extents;
        }
        long[] all = new long[order];
        Arrays.fill(all, 1);
        System.arraycopy(extents, 0, all, order - extents.length, extents.length);
        return all;
    }

    /** Checks that every chunk with elements was met. */
    void checkComplete() throws IOException {
        if (met.cardinality() == count) {
            return;
        }
        for (int number = met.nextClearBit(0); number < count; number = met.nextClearBit(number + 1)) {
            Box box = box(number);
            if (box != null) {
                throw new SourceException(chunks.path() + ": the chunk of " + name + " at "
                        + Shapes.print(box.offsets()) + " is in no data file");
            }
        }
    }

    private int find(long[] offsets) throws IOException {
        if (table == null) {
            index();
        }
        int mask = table.length - 1;
        for (int slot = hash(offsets) & mask; table[slot] != 0; slot = slot + 1 & mask) {
            if (isAt(table[slot] - 1, offsets)) {
                return table[slot] - 1;
            }
        }
        return NONE;
    }

    /** Chunks with elements come first, so that an empty one at the same place does not hide them. */
    private void index() throws IOException {
        table = new int[Math.max(4, Integer.highestOneBit(count) * 4)];
        for (boolean empty : new boolean[] {false, true}) {
            for (int number = 0; number < count; number++) {
                Node fields = chunks.item(number).state();
                boolean isEmpty =
                        Arrays.stream(Nodes.longs(fields.get("sizes"))).anyMatch(extent -> extent == 0);
                if (isEmpty == empty) {
                    int slot = hash(Nodes.longs(fields.get("offsets"))) & table.length - 1;
                    while (table[slot] != 0) {
                        slot = slot + 1 & table.length - 1;
                    }
                    table[slot] = number + 1;
                }
            }
        }
    }

    private static int hash(long[] offsets) {
        long hash = 0;
        for (long offset : offsets) {
            hash = (hash ^ offset) * 0x9E3779B97F4A7C15L;
            hash ^= hash >>> 32;
        }
        return (int) hash;
    }
}
