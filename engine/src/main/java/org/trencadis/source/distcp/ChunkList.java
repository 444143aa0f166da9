package org.trencadis.source.distcp;

import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import org.trencadis.source.SourceException;
import org.trencadis.tensor.Box;
import org.trencadis.tensor.Shapes;
import org.trencadis.torch.FlatTree;
import org.trencadis.torch.Node;

/** The chunks that one metadata file lists for a tensor, and which of them have been met in a data file. */
final class ChunkList {
    private static final int NONE = -1;

    private final String name;
    private final long[] shape;
    private final Node chunks;
    private final FlatTree tree;
    private final int offsetsName;
    private final int sizesName;
    private final int count;
    private final BitSet met = new BitSet();
    /**
     * Offsets and extents of each chunk, read in one go: items come in the order of their ranks, and looking each chunk up in
     * the tree goes all over it. Null where they would take too much.
     */
    private final long[] boxes;

    /** One more than a chunk, by the hash of its offsets; made when an item does not say its chunk. */
    private int[] table;

    /** @param roomLongs what the boxes may take */
    ChunkList(SavedEntry entry, Node chunks, FlatTree tree, long roomLongs) throws IOException {
        this.name = entry.name();
        this.shape = entry.shape();
        this.chunks = chunks;
        this.tree = tree;
        this.offsetsName = tree.symbol("offsets");
        this.sizesName = tree.symbol("sizes");
        this.count = chunks.size();
        this.boxes = 2L * shape.length * count <= roomLongs ? readBoxes() : null;
    }

    /** All boxes, or null where one is not as it should be: then it is met again when its item is. */
    private long[] readBoxes() {
        int order = shape.length;
        long[] all = new long[2 * order * count];
        for (int number = 0; number < count; number++) {
            int at = 2 * order * number;
            long chunk = chunk(number);
            boolean isWhole = tree.copyNumbers(tree.attribute(chunk, offsetsName, 0), order, all, at)
                    && tree.copyNumbers(tree.attribute(chunk, sizesName, 1), order, all, at + order);
            if (!isWhole) {
                return null;
            }
        }
        return all;
    }

    /** Longs that the boxes take. */
    long heldLongs() {
        return boxes == null ? 0 : boxes.length;
    }

    /**
     * The box of the chunk that an item holds; null where it has no elements.
     *
     * @param offsets of the chunk; becomes part of the box
     * @param hint the number of the chunk, if it is right; negative where the item does not say it
     * @throws SourceException when no chunk is there, or it was met before
     */
    Box take(long[] offsets, long hint) throws IOException {
        int number = hint >= 0 && hint < count && isAt((int) hint, offsets) ? (int) hint : find(offsets);
        if (number == NONE) {
            throw new SourceException(chunks.path() + ": an item is said to hold the chunk of " + name + " at "
                    + Arrays.toString(offsets) + ", but the tensor has no such chunk");
        }
        if (met.get(number)) {
            throw new SourceException(
                    chunks.path() + ": two items hold the chunk of " + name + " at " + Arrays.toString(offsets));
        }
        met.set(number);
        return box(number, offsets);
    }

    private boolean isAt(int number, long[] wanted) throws IOException {
        if (boxes != null) {
            int at = 2 * shape.length * number;
            return wanted.length == shape.length
                    && Arrays.equals(wanted, 0, shape.length, boxes, at, at + shape.length);
        }
        long offsets = tree.attribute(chunk(number), offsetsName, 0);
        if (offsets == FlatTree.ABSENT || tree.count(offsets) != wanted.length) {
            return false;
        }
        for (int axis = 0; axis < wanted.length; axis++) {
            long offset = tree.item(offsets, axis);
            if (!FlatTree.isNumber(offset) || FlatTree.number(offset) != wanted[axis]) {
                return false;
            }
        }
        return true;
    }

    private long chunk(int number) {
        return tree.item(FlatTree.word(chunks), number);
    }

    private long[] offsets(int number) throws IOException {
        int at = 2 * shape.length * number;
        return boxes != null ? Arrays.copyOfRange(boxes, at, at + shape.length) : numbers(number, offsetsName, 0);
    }

    private long[] sizes(int number) throws IOException {
        int at = 2 * shape.length * number + shape.length;
        return boxes != null ? Arrays.copyOfRange(boxes, at, at + shape.length) : numbers(number, sizesName, 1);
    }

    private long[] numbers(int number, int attribute, int guess) throws IOException {
        long[] numbers = tree.numbers(tree.attribute(chunk(number), attribute, guess));
        if (numbers == null) {
            throw new SourceException(chunks.item(number).path() + ": a chunk of " + name
                    + " does not say its offsets and sizes as whole numbers");
        }
        return numbers;
    }

    /** The box of a chunk inside the tensor, or null where it has no elements. */
    private Box box(int number, long[] offsets) throws IOException {
        long[] extents = withLeadingOnes(sizes(number), offsets.length);
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
            throw new SourceException(chunks.item(number).path() + ": the chunk of " + name + " at "
                    + Arrays.toString(offsets) + " of extents " + Arrays.toString(extents)
                    + " does not lie in the tensor of shape " + Shapes.print(shape));
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
            long[] offsets = offsets(number);
            if (box(number, offsets) != null) {
                throw new SourceException(chunks.path() + ": the chunk of " + name + " at " + Arrays.toString(offsets)
                        + " is in no data file");
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
                boolean isEmpty = Arrays.stream(sizes(number)).anyMatch(extent -> extent == 0);
                if (isEmpty == empty) {
                    int slot = hash(offsets(number)) & table.length - 1;
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
