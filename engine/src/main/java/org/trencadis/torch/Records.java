package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;
import org.trencadis.format.FormatException;

/**
 * How containers and objects lie on the {@link Tape}.
 *
 * <ul>
 *   <li>Block: a byte (items below 15, else 15, in the high bits; a flag; width of an item less 1 in the low three), for 15 the counts of
 *       items and of room as 4 bytes each, then the items, all of one width. A tuple is a block.
 *   <li>List, set, dictionary: a link of 6 bytes to a block, 0 while empty; a dictionary's items are key, value, key …
 *   <li>Object: a link to its state, a byte of two widths, callable, arguments.
 *   <li>Tensor: a link to its state, a form, a width, arguments.
 *   <li>Extra: state, block or list, dictionary, 8 bytes each; for what a link alone cannot say.
 * </ul>
 *
 * All words are relative to the start of their block or record; those of an extra are absolute.
 */
final class Records {
    static final int MAX_COUNT = Integer.MAX_VALUE - 16;
    private static final int SMALL = 15;
    private static final int FLAG = 8;
    private static final int LINK_BYTES = 6;
    private static final int EXTRA_STATE = 0;
    private static final int EXTRA_LIST = 8;
    private static final int EXTRA_DICT = 16;

    private final Tape tape;

    Records(Tape tape) {
        this.tape = tape;
    }

    // Blocks

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
    private long extend(long block, long[] words, int from, int to) throws FormatException {
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

    // Lists, sets, dictionaries

    long newContainer(int tag) throws FormatException {
        return Word.of(tag, tape.allocate(LINK_BYTES));
    }

    /** The container's block, or -1 while it is empty. */
    long blockOf(long container) {
        long link = link(Word.payload(container));
        if (Word.tag(link) == Word.EXTRA) {
            link = tape.get(Word.payload(link) + EXTRA_LIST, 8);
        }
        return link == Word.NONE ? -1 : Word.payload(link);
    }

    void setBlock(long container, long block) throws FormatException {
        long record = Word.payload(container);
        long link = link(record);
        if (Word.tag(link) == Word.EXTRA) {
            tape.put(Word.payload(link) + EXTRA_LIST, Word.of(Word.BLOCK, block), 8);
        } else {
            setLink(record, Word.of(Word.BLOCK, block));
        }
    }

    void append(long container, long[] words, int from, int to) throws FormatException {
        if (from == to) {
            return;
        }
        long block = blockOf(container);
        long grown = block < 0 ? newBlock(words, from, to) : extend(block, words, from, to);
        if (grown != block) {
            setBlock(container, grown);
        }
    }

    // Objects and tensors

    long newObject(long callable, long arguments) throws FormatException {
        long record = tape.end();
        long first = Word.relative(callable, record);
        long second = Word.relative(arguments, record);
        int firstWidth = Word.width(first);
        int secondWidth = Word.width(second);
        tape.allocate(LINK_BYTES + 1 + firstWidth + secondWidth);
        tape.putByte(record + LINK_BYTES, firstWidth << 4 | secondWidth);
        tape.put(record + LINK_BYTES + 1, first, firstWidth);
        tape.put(record + LINK_BYTES + 1 + firstWidth, second, secondWidth);
        return Word.of(Word.OBJECT, record);
    }

    long callable(long object) {
        long record = Word.payload(object);
        int width = tape.getByte(record + LINK_BYTES) >>> 4;
        return Word.absolute(tape.get(record + LINK_BYTES + 1, width), record);
    }

    long arguments(long object) {
        long record = Word.payload(object);
        int widths = tape.getByte(record + LINK_BYTES);
        long position = record + LINK_BYTES + 1 + (widths >>> 4);
        return Word.absolute(tape.get(position, widths & 0xF), record);
    }

    long newTensor(TensorForm form, long arguments, long state) throws FormatException {
        long record = tape.end();
        long stored = Word.relative(arguments, record);
        int width = Word.width(stored);
        tape.allocate(LINK_BYTES + 1 + width);
        tape.putByte(record + LINK_BYTES, form.ordinal() << 4 | width);
        tape.put(record + LINK_BYTES + 1, stored, width);
        long tensor = Word.of(Word.TENSOR, record);
        if (state != Word.NONE) {
            setState(tensor, state);
        }
        return tensor;
    }

    TensorForm tensorForm(long tensor) {
        return TensorForm.of(tape.getByte(Word.payload(tensor) + LINK_BYTES) >>> 4);
    }

    long tensorArguments(long tensor) {
        long record = Word.payload(tensor);
        int width = tape.getByte(record + LINK_BYTES) & 0xF;
        return Word.absolute(tape.get(record + LINK_BYTES + 1, width), record);
    }

    // State and what is appended to objects

    /** The state set on an object, tensor or dictionary; for a set TRUE where it is frozen. */
    long state(long word) {
        long link = link(Word.payload(word));
        return switch (Word.tag(link)) {
            case Word.EXTRA -> tape.get(Word.payload(link) + EXTRA_STATE, 8);
            case Word.BLOCK -> Word.NONE;
            default -> link;
        };
    }

    void setState(long word, long state) throws FormatException {
        long record = Word.payload(word);
        boolean isLink = linksToState(word) && Word.tag(link(record)) != Word.EXTRA;
        if (isLink && Word.width(Word.relative(state, record)) <= LINK_BYTES) {
            setLink(record, state);
        } else {
            tape.put(extra(word) + EXTRA_STATE, state, 8);
        }
    }

    /** The list of what was appended to an object, or NONE. */
    long appended(long object) {
        long link = link(Word.payload(object));
        return Word.tag(link) == Word.EXTRA ? tape.get(Word.payload(link) + EXTRA_LIST, 8) : Word.NONE;
    }

    /** The dictionary of the entries set on an object, or NONE. */
    long entries(long object) {
        long link = link(Word.payload(object));
        return Word.tag(link) == Word.EXTRA ? tape.get(Word.payload(link) + EXTRA_DICT, 8) : Word.NONE;
    }

    /** The object's list of appended items, made where it has none. */
    long appendedOrNew(long object) throws FormatException {
        long list = appended(object);
        if (list == Word.NONE) {
            list = newContainer(Word.LIST);
            tape.put(extra(object) + EXTRA_LIST, list, 8);
        }
        return list;
    }

    long entriesOrNew(long object) throws FormatException {
        long dict = entries(object);
        if (dict == Word.NONE) {
            dict = newContainer(Word.DICT);
            tape.put(extra(object) + EXTRA_DICT, dict, 8);
        }
        return dict;
    }

    /** The position of the extra of {@code word}, made where it has none. */
    private long extra(long word) throws FormatException {
        long record = Word.payload(word);
        long link = link(record);
        if (Word.tag(link) == Word.EXTRA) {
            return Word.payload(link);
        }
        long extra = tape.allocate(24);
        tape.put(extra + (linksToState(word) ? EXTRA_STATE : EXTRA_LIST), link, 8);
        setLink(record, Word.of(Word.EXTRA, extra));
        return extra;
    }

    /** Whether a link leads to a state, or to a block. */
    private static boolean linksToState(long word) {
        return Word.tag(word) == Word.OBJECT || Word.tag(word) == Word.TENSOR;
    }

    /** Makes a set a frozen one; it may then be a key. */
    void freeze(long set) throws FormatException {
        tape.put(extra(set) + EXTRA_STATE, Word.TRUE, 8);
    }

    boolean isFrozen(long set) {
        return state(set) == Word.TRUE;
    }

    private long link(long record) {
        return Word.absolute(tape.get(record, LINK_BYTES), record);
    }

    private void setLink(long record, long word) {
        tape.put(record, Word.relative(word, record), LINK_BYTES);
    }

    // Scalars

    long newReal(double value) throws FormatException {
        long position = tape.allocate(8);
        tape.put(position, Double.doubleToRawLongBits(value), 8);
        return Word.of(Word.REAL, position);
    }

    double real(long word) {
        return Double.longBitsToDouble(tape.get(Word.payload(word), 8));
    }

    long newInteger(BigInteger value) throws FormatException {
        if (value.bitLength() < 64 && Word.fitsInt(value.longValue())) {
            return Word.of(Word.INT, value.longValue());
        }
        byte[] bytes = value.toByteArray();
        long position = tape.allocate(4 + bytes.length);
        tape.put(position, bytes.length, 4);
        tape.put(position + 4, bytes);
        return Word.of(Word.BIG, position);
    }

    BigInteger integer(long word) {
        if (Word.tag(word) == Word.INT) {
            return BigInteger.valueOf(Word.payload(word));
        }
        long position = Word.payload(word);
        return new BigInteger(tape.get(position + 4, new byte[(int) tape.get(position, 4)]));
    }

    /** Bytes that lie in the pickle, at {@code offset} of it. */
    long newBytes(long offset, long count) throws FormatException {
        return newBytes(0, offset, count);
    }

    /** Bytes that the pickle spells in another way. */
    long newBytes(byte[] bytes) throws FormatException {
        long position = tape.allocate(bytes.length);
        tape.put(position, bytes);
        return newBytes(1, position, bytes.length);
    }

    private long newBytes(int where, long place, long count) throws FormatException {
        long record = tape.allocate(1 + 6 + 6);
        tape.putByte(record, where);
        tape.put(record + 1, place, 6);
        tape.put(record + 7, count, 6);
        return Word.of(Word.BYTES, record);
    }

    long bytesCount(long word) {
        return tape.get(Word.payload(word) + 7, 6);
    }

    byte[] bytes(long word, PickleBytes pickle) throws IOException {
        long record = Word.payload(word);
        byte[] bytes = new byte[Math.toIntExact(bytesCount(word))];
        long place = tape.get(record + 1, 6);
        if (tape.getByte(record) == 0) {
            pickle.read(place, bytes, 0, bytes.length);
            return bytes;
        }
        return tape.get(place, bytes);
    }
}
