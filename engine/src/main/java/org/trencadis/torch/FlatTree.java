package org.trencadis.torch;

import java.io.IOException;

/**
 * The values of a tree as bare words, for walking millions of records without an object for each; {@link Node} is for
 * everything else, and for saying what is wrong with a value.
 *
 * <p>A word means something to its own tree only, while its file is open. Nothing here throws for values of another kind:
 * what was asked for is then {@link #ABSENT}, or -1.
 */
public final class FlatTree {
    /** No value. */
    public static final long ABSENT = -1;

    private final TorchFile file;
    private final PickleTree tree;
    private final Records records;
    private final Blocks blocks;

    private FlatTree(TorchFile file) {
        this.file = file;
        this.tree = file.tree();
        this.records = tree.records();
        this.blocks = records.blocks();
    }

    public static FlatTree of(TorchFile file) {
        return new FlatTree(file);
    }

    /** The word of a node of this tree. */
    public static long word(Node node) {
        return node.word();
    }

    /** A word as a node that calls itself {@code name} in messages. */
    public Node node(long word, String name) {
        return Node.root(file).at(word, name);
    }

    /** Items of a list or tuple, entries of a dictionary; -1 for other kinds. */
    public int count(long word) {
        return switch (Word.tag(word)) {
            case Word.LIST, Word.TUPLE -> tree.count(word);
            case Word.DICT -> tree.count(word) / 2;
            default -> word == Word.EMPTY_TUPLE ? 0 : -1;
        };
    }

    /** Item {@code index}, which exists, of a list or tuple. */
    public long item(long word, int index) {
        return tree.item(word, index);
    }

    /** The key of entry {@code entry}, which exists, of a dictionary. */
    public long key(long dict, int entry) {
        return tree.item(dict, 2 * entry);
    }

    /** The value of entry {@code entry}, which exists, of a dictionary. */
    public long value(long dict, int entry) {
        return tree.item(dict, 2 * entry + 1);
    }

    /** The number of a text, the same wherever the tree has it; -1 where it does not. */
    public int symbol(String text) throws IOException {
        return tree.symbols().find(text);
    }

    /** The number of the text that a word is, or -1. */
    public static int textSymbol(long word) {
        return word != ABSENT && Word.tag(word) == Word.TEXT ? (int) Word.payload(word) : -1;
    }

    /** The text with this number. */
    public String text(int symbol) throws IOException {
        return tree.symbols().text(symbol);
    }

    public static boolean isNone(long word) {
        return word == Word.NONE;
    }

    /** Whether a word is a whole number between -2^59 and 2^59. */
    public static boolean isNumber(long word) {
        return word != ABSENT && Word.tag(word) == Word.INT;
    }

    /** The number that a word is. */
    public static long number(long word) {
        return Word.payload(word);
    }

    /** The numbers of a list or tuple, or null where it is none or holds others. */
    public long[] numbers(long word) {
        int count = word == ABSENT ? -1 : count(word);
        if (count < 0 || Word.tag(word) == Word.DICT) {
            return null;
        }
        long[] numbers = new long[count];
        for (int i = 0; i < count; i++) {
            long item = tree.item(word, i);
            if (Word.tag(item) != Word.INT) {
                return null;
            }
            numbers[i] = Word.payload(item);
        }
        return numbers;
    }

    /** Writes the numbers of a list or tuple to {@code target}; false where it does not hold {@code count} of them. */
    public boolean copyNumbers(long word, int count, long[] target, int targetIndex) {
        int held = word == ABSENT || Word.tag(word) == Word.DICT ? -1 : count(word);
        if (held != count) {
            return false;
        }
        for (int i = 0; i < count; i++) {
            long item = tree.item(word, i);
            if (Word.tag(item) != Word.INT) {
                return false;
            }
            target[targetIndex + i] = Word.payload(item);
        }
        return true;
    }

    /**
     * An attribute of an object whose state is a dictionary.
     *
     * @param symbol of the attribute's name
     * @param guess the entry that it is likely to be
     */
    public long attribute(long object, int symbol, int guess) {
        if (symbol < 0 || Word.tag(object) != Word.OBJECT) {
            return ABSENT;
        }
        long state = records.state(object);
        long block = Word.tag(state) == Word.DICT ? records.blockOf(state) : -1;
        if (block < 0) {
            return ABSENT;
        }
        long wanted = Word.of(Word.TEXT, symbol);
        int words = blocks.count(block);
        if (2 * guess < words && blocks.item(block, 2 * guess) == wanted) {
            return blocks.item(block, 2 * guess + 1);
        }
        for (int i = 0; i < words; i += 2) {
            if (blocks.item(block, i) == wanted) {
                return blocks.item(block, i + 1);
            }
        }
        return ABSENT;
    }
}
