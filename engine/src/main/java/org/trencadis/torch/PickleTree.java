package org.trencadis.torch;

import java.lang.foreign.Arena;

/** What was unpickled: the tape, and the tables that its words number. */
final class PickleTree {
    private final PickleBytes bytes;
    private final Tape tape;
    private final Records records;
    private final Blocks blocks;
    private final ScalarRecords scalars;
    private final Symbols symbols;
    private final Storages storages;
    private final TensorRules tensors;
    private long root = Word.NONE;
    private long endOffset;

    /**
     * @param archive where storages are looked up, or null
     * @param placedLater whether storages are placed after the pickle was read
     */
    PickleTree(PickleBytes bytes, ZipArchive archive, boolean placedLater, Arena arena) {
        this.bytes = bytes;
        this.tape = new Tape(arena, bytes.length(), bytes.resource());
        this.records = new Records(tape);
        this.blocks = records.blocks();
        this.scalars = new ScalarRecords(tape);
        this.symbols = new Symbols(bytes, tape, arena);
        this.storages = new Storages(symbols, archive, placedLater, bytes.length(), arena);
        this.tensors = new TensorRules(this);
    }

    void finish(long rootWord, long end) {
        this.root = rootWord;
        this.endOffset = end;
    }

    PickleBytes bytes() {
        return bytes;
    }

    Records records() {
        return records;
    }

    ScalarRecords scalars() {
        return scalars;
    }

    Symbols symbols() {
        return symbols;
    }

    Storages storages() {
        return storages;
    }

    TensorRules tensors() {
        return tensors;
    }

    long root() {
        return root;
    }

    /** The position behind STOP, relative to the pickle. */
    long endOffset() {
        return endOffset;
    }

    /** Items of a list, set or tuple; two for each entry of a dictionary. */
    int count(long word) {
        if (word == Word.EMPTY_TUPLE) {
            return 0;
        }
        long block = block(word);
        return block < 0 ? 0 : blocks.count(block);
    }

    long item(long word, int index) {
        return blocks.item(block(word), index);
    }

    private long block(long word) {
        return Word.tag(word) == Word.TUPLE ? Word.payload(word) : records.blockOf(word);
    }
}
