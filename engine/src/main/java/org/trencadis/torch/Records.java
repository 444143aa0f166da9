package org.trencadis.torch;

import org.trencadis.format.FormatException;

/**
 * How containers and objects lie on the {@link Tape}; their items are {@link Blocks}. A tuple is a block and nothing
 * else.
 *
 * <ul>
 *   <li>List, set, dictionary: a link of 6 bytes to a block, 0 while empty; a dictionary's items are key, value, key …
 *   <li>Object: a link to its state, a byte of two widths, callable, arguments.
 *   <li>Tensor: a link to its state, a form, a width, arguments.
 *   <li>Extra: state, block or list, dictionary, 8 bytes each; for what a link alone cannot say.
 * </ul>
 *
 * All words are relative to the start of their record; those of an extra are absolute.
 */
final class Records {
    private static final int LINK_BYTES = 6;
    private static final int EXTRA_STATE = 0;
    private static final int EXTRA_LIST = 8;
    private static final int EXTRA_DICT = 16;

    private final Tape tape;
    private final Blocks blocks;

    Records(Tape tape) {
        this.tape = tape;
        this.blocks = new Blocks(tape);
    }

    Blocks blocks() {
        return blocks;
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
        long grown = block < 0 ? blocks.newBlock(words, from, to) : blocks.extend(block, words, from, to);
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
}
