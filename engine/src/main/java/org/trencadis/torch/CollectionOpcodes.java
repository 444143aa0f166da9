package org.trencadis.torch;

import java.io.IOException;

/** Makes and fills the tuples, lists, sets and dictionaries of a pickle from what is on its stack. */
final class CollectionOpcodes {
    private final PickleInput in;
    private final ValueStack stack;
    private final Records records;
    private final Dictionaries dictionaries;

    CollectionOpcodes(PickleInput in, ValueStack stack, Records records, Dictionaries dictionaries) {
        this.in = in;
        this.stack = stack;
        this.records = records;
        this.dictionaries = dictionaries;
    }

    /** Does what {@code opcode} says to the stack. */
    void run(int opcode) throws IOException {
        switch (opcode) {
            case Opcode.TUPLE -> tuple(stack.size() - stack.popMark());
            case Opcode.TUPLE1 -> tuple(1);
            case Opcode.TUPLE2 -> tuple(2);
            case Opcode.TUPLE3 -> tuple(3);
            case Opcode.EMPTY_LIST -> stack.push(records.newContainer(Word.LIST));
            case Opcode.EMPTY_DICT -> stack.push(records.newContainer(Word.DICT));
            case Opcode.EMPTY_SET -> stack.push(records.newContainer(Word.SET));
            case Opcode.LIST -> collect(Word.LIST);
            case Opcode.FROZENSET -> {
                collect(Word.SET);
                records.freeze(stack.peek());
            }
            case Opcode.DICT -> collect(Word.DICT);
            case Opcode.APPEND -> add(Word.LIST, stack.size() - 1);
            case Opcode.APPENDS -> add(Word.LIST, stack.popMark());
            case Opcode.ADDITEMS -> add(Word.SET, stack.popMark());
            case Opcode.SETITEM -> set(stack.size() - 2);
            case Opcode.SETITEMS -> set(stack.popMark());
            default -> throw new AssertionError(Opcode.name(opcode));
        }
    }

    /** Makes a tuple of the topmost {@code count} values. */
    void tuple(int count) throws IOException {
        stack.drop(count);
        int from = stack.size();
        stack.push(
                count == 0
                        ? Word.EMPTY_TUPLE
                        : Word.of(Word.TUPLE, records.blocks().newBlock(stack.words(), from, from + count)));
    }

    private void collect(int tag) throws IOException {
        int from = stack.popMark();
        int to = stack.size();
        long container = records.newContainer(tag);
        if (tag == Word.DICT) {
            checkKeys(from, to);
            dictionaries.put(container, stack.words(), from, to);
        } else {
            records.append(container, stack.words(), from, to);
        }
        stack.truncate(from);
        stack.push(container);
    }

    /** Adds the words from {@code from} to the list, set or object under them. */
    private void add(int tag, int from) throws IOException {
        int count = stack.size() - from;
        long target = stack.peek(count);
        if (Word.tag(target) == Word.OBJECT) {
            target = records.appendedOrNew(target);
        } else if (Word.tag(target) != tag) {
            throw in.corrupt("items are added to a list, set or object", "such", "another value");
        }
        records.append(target, stack.words(), from, from + count);
        stack.drop(count);
    }

    private void set(int from) throws IOException {
        int count = stack.size() - from;
        long target = stack.peek(count);
        checkKeys(from, from + count);
        if (Word.tag(target) == Word.OBJECT) {
            target = records.entriesOrNew(target);
        } else if (Word.tag(target) != Word.DICT) {
            throw in.corrupt("entries are set on a dictionary or object", "such", "another value");
        }
        dictionaries.put(target, stack.words(), from, from + count);
        stack.drop(count);
    }

    private void checkKeys(int from, int to) throws IOException {
        if ((to - from) % 2 != 0) {
            throw in.corrupt("each key has a value", "an even number", to - from);
        }
        for (int i = from; i < to; i += 2) {
            long key = stack.words()[i];
            int tag = Word.tag(key);
            if (tag == Word.LIST || tag == Word.DICT || tag == Word.SET && !records.isFrozen(key)) {
                throw in.corrupt("a key cannot change", "no list, dictionary or set", "one of these");
            }
        }
    }
}
