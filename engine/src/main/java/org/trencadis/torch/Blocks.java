package org.trencadis.torch;

import org.trencadis.format.FormatException;

/**
 * How the items of a container lie on the {@link Tape}: in blocks, which grow by being written anew.
 *
 * <p>A block is a byte (items below 15, else 15, in the high bits; a flag; width of an item less 1 in the low three), for
 * 15 the counts of items and of room as 4 bytes each, then the items, all of one width and relative to the block's start.
 */
final class Blocks {
    private static final int MAX_COUNT = Integer.MAX_VALUE - 16;
    private static final int SMALL = 15;
    private static final int FLAG = 8;

    private final Tape tape;

    Blocks(Tape tape) {
        this.tape = tape;
    }

    int count(long block) {
        int small = tape.getByte(block) >>> 4;
        return small < SMALL ? small : (int) tape.get(block + 1, 4);
    }

    private int room(long block) {
        int small = tape.getByte(block) >>> 4;
        return small < SMALL ? small : (int) tape.get(block + 5, 4);
    }

    long item(long block, int index) {
        int head = tape.getByte(block);
        int width = (head & 7) + 1;
        return Word.absolute(tape.get(firstItem(block, head) + (long) index * width, width), block);
    }

    void setItem(long block, int index, long word) {
        int head = tape.getByte(block);
        int width = (head & 7) + 1;
        tape.put(firstItem(block, head) + (long) index * width, Word.relative(word, block), width);
    }

    private static long firstItem(long block, int head) {
        return head >>> 4 < SMALL ? block + 1 : block + 9;
    }

    /** Whether item {@code index} can become {@code word} without a new block. */
    boolean fits(long block, long word) {
        return Word.width(Word.relative(word, block)) <= (tape.getByte(block) & 7) + 1;
    }

    /** Sets the flag of a block, which the blocks that replace it inherit; whether it was not set before. */
    boolean setFlag(long block) {
        int head = tape.getByte(block);
        tape.putByte(block, head | FLAG);
        return (head & FLAG) == 0;
    }

    /** Takes items from the end of a block. */
    void cut(long block, int count) {
        int head = tape.getByte(block);
        if (head >>> 4 == SMALL) {
            tape.put(block + 1, count, 4);
        } else {
            tape.putByte(block, count << 4 | head & 0xF);
        }
    }

    long newBlock(long[] words, int from, int to) throws FormatException {
        return newBlock(-1, 0, words, from, to, to - from);
    }

    /** A block of the first {@code oldCount} items of {@code old}, then {@code words}, with room for {@code room} items. */
    private long newBlock(long old, int oldCount, long[] words, int from, int to, int room) throws FormatException {
        int count = oldCount + (to - from);
        long block = tape.end();
        int width = 1;
        for (int i = 0; i < oldCount; i++) {
            width = Math.max(width, Word.width(Word.relative(item(old, i), block)));
        }
        for (int i = from; i < to; i++) {
            width = Math.max(width, Word.width(Word.relative(words[i], block)));
        }
        boolean small = room < SMALL;
        tape.allocate((small ? 1 : 9) + (long) room * width);
        tape.putByte(block, (small ? count : SMALL) << 4 | width - 1);
        if (!small) {
            tape.put(block + 1, count, 4);
            tape.put(block + 5, room, 4);
        }
        long position = block + (small ? 1 : 9);
        for (int i = 0; i < oldCount; i++, position += width) {
            tape.put(position, Word.relative(item(old, i), block), width);
        }
        for (int i = from; i < to; i++, position += width) {
            tape.put(position, Word.relative(words[i], block), width);
        }
        return block;
    }

    /** Adds words to a block; the block that then holds them all. */
    long extend(long block, long[] words, int from, int to) throws FormatException {
        int old = count(block);
        int count = Math.addExact(old, to - from);
        boolean fits = count <= room(block);
        for (int i = from; fits && i < to; i++) {
            fits = fits(block, words[i]);
        }
        if (!fits) {
            int room = count < SMALL ? count : (int) Math.min(MAX_COUNT, Math.max(count, 2L * old));
            long grown = newBlock(block, old, words, from, to, room);
            if ((tape.getByte(block) & FLAG) != 0) {
                setFlag(grown);
            }
            return grown;
        }
        tape.put(block + 1, count, 4);
        for (int i = from; i < to; i++) {
            setItem(block, old + i - from, words[i]);
        }
        return block;
    }
}
