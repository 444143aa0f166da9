package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;

/**
 * The virtual machine of pickle protocols 0 to 5, made inert: it builds a {@link PickleTree} and calls nothing.
 *
 * <p>Work and memory are bounded by the length of the pickle; nothing recurses.
 */
final class Unpickler {
    private static final int MAX_PROTOCOL = 5;
    private static final int MAX_NAME_BYTES = 4096;
    private static final long NO_FRAME = -1;

    private final PickleInput in;
    private final PickleTree tree;
    private final Records records;
    private final Symbols symbols;
    private final Scalars scalars;
    private final Dictionaries dictionaries;
    private final Reductions reductions;
    private final PersistentIds persistentIds;
    private final ValueStack stack;
    /** One more than the word, so that 0 is none. */
    private final LongColumn memo;

    private long memoCount;
    private long frameEnd = NO_FRAME;

    private Unpickler(PickleTree tree, Arena scratch) {
        this.in = new PickleInput(tree.bytes());
        this.tree = tree;
        this.records = tree.records();
        this.symbols = tree.symbols();
        this.scalars = new Scalars(in, records, symbols);
        this.dictionaries = new Dictionaries(records, scratch);
        this.reductions = new Reductions(tree, dictionaries);
        this.persistentIds = new PersistentIds(tree);
        this.stack = new ValueStack(in);
        this.memo = new LongColumn(scratch, tree.bytes().length() / 8);
    }

    /** Reads one pickle into {@code tree}, which has no values yet. */
    static void read(PickleTree tree) throws IOException {
        try (Arena scratch = Arena.ofConfined()) {
            new Unpickler(tree, scratch).run();
        }
    }

    private void run() throws IOException {
        while (true) {
            checkFrame();
            int opcode = in.opcode();
            if (opcode == Opcode.STOP) {
                break;
            }
            switch (Opcode.group(opcode)) {
                case CONSTANT -> constant(opcode);
                case NUMBER -> stack.push(scalars.number(opcode));
                case TEXT -> stack.push(scalars.text(opcode));
                case MEMO -> memo(opcode);
                case CONTAINER -> container(opcode);
                case OBJECT -> object(opcode);
            }
        }
        checkFrame();
        long root = stack.pop();
        if (stack.size() != 0 || stack.markCount() != 0) {
            throw in.corrupt("STOP finds one value", "one value", stack.size() + " more, marks " + stack.markCount());
        }
        dictionaries.finish();
        tree.finish(root, in.position());
    }

    private void checkFrame() throws IOException {
        if (frameEnd == NO_FRAME || in.position() < frameEnd) {
            return;
        }
        if (in.position() > frameEnd) {
            throw in.corrupt("an opcode lies in one frame", "end at " + frameEnd, in.position());
        }
        frameEnd = NO_FRAME;
    }

    private void constant(int opcode) throws IOException {
        switch (opcode) {
            case Opcode.NONE -> stack.push(Word.NONE);
            case Opcode.NEWTRUE -> stack.push(Word.TRUE);
            case Opcode.NEWFALSE -> stack.push(Word.FALSE);
            case Opcode.EMPTY_TUPLE -> stack.push(Word.EMPTY_TUPLE);
            case Opcode.MARK -> stack.mark();
            case Opcode.POP -> pop();
            case Opcode.POP_MARK -> stack.truncate(stack.popMark());
            case Opcode.DUP -> stack.push(stack.peek());
            case Opcode.PROTO -> {
                int protocol = in.octet();
                if (protocol > MAX_PROTOCOL) {
                    throw in.unsupported("pickle protocols 0 to 5", MAX_PROTOCOL, protocol);
                }
            }
            case Opcode.FRAME -> {
                long length = in.number(8);
                in.checkHas(length);
                if (frameEnd != NO_FRAME) {
                    throw in.corrupt("frames do not nest", "end at " + frameEnd, in.position());
                }
                frameEnd = in.position() + length;
            }
            default -> throw new AssertionError(Opcode.name(opcode));
        }
    }

    /** CPython lets POP take a mark that is on top. */
    private void pop() throws IOException {
        if (stack.hasMarkOnTop()) {
            stack.popMark();
        } else {
            stack.pop();
        }
    }

    private void memo(int opcode) throws IOException {
        switch (opcode) {
            case Opcode.MEMOIZE -> memo.set(memoCount++, stack.peek() + 1);
            case Opcode.BINPUT -> memoize(in.octet());
            case Opcode.LONG_BINPUT -> memoize(in.number(4));
            case Opcode.PUT -> memoize(Decimals.index(in, in.line(20)));
            case Opcode.BINGET -> recall(in.octet());
            case Opcode.LONG_BINGET -> recall(in.number(4));
            case Opcode.GET -> recall(Decimals.index(in, in.line(20)));
            default -> throw new AssertionError(Opcode.name(opcode));
        }
    }

    private void memoize(long index) throws IOException {
        // Picklers count up, and each entry takes a byte at least: a greater index only asks for memory.
        if (index > in.position()) {
            throw in.corrupt("a memo index is at most the position", in.position(), index);
        }
        memoCount += memo.get(index) == 0 ? 1 : 0;
        memo.set(index, stack.peek() + 1);
    }

    private void recall(long index) throws IOException {
        long stored = index > in.position() ? 0 : memo.get(index);
        if (stored == 0) {
            throw in.corrupt("a value is memorised before it is recalled", "memo entry " + index, "none");
        }
        stack.push(stored - 1);
    }

    private void container(int opcode) throws IOException {
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

    private void tuple(int count) throws IOException {
        stack.drop(count);
        int from = stack.size();
        stack.push(
                count == 0
                        ? Word.EMPTY_TUPLE
                        : Word.of(Word.TUPLE, records.newBlock(stack.words(), from, from + count)));
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

    private void object(int opcode) throws IOException {
        switch (opcode) {
            case Opcode.GLOBAL -> stack.push(global());
            case Opcode.STACK_GLOBAL -> stackGlobal();
            case Opcode.REDUCE, Opcode.NEWOBJ -> {
                long arguments = stack.pop();
                reduce(stack.pop(), arguments);
            }
            case Opcode.NEWOBJ_EX -> {
                tuple(2);
                long both = stack.pop();
                stack.push(records.newObject(stack.pop(), both));
            }
            case Opcode.INST -> {
                long callable = global();
                tuple(stack.size() - stack.popMark());
                reduce(callable, stack.pop());
            }
            case Opcode.OBJ -> {
                int from = stack.popMark();
                if (stack.size() == from) {
                    throw in.corrupt("OBJ finds a class above its mark", "a class", "none");
                }
                tuple(stack.size() - from - 1);
                long arguments = stack.pop();
                reduce(stack.pop(), arguments);
            }
            case Opcode.BUILD -> build();
            case Opcode.BINPERSID -> stack.push(persistentIds.storage(in, stack.pop()));
            case Opcode.PERSID -> throw in.corrupt("a persistent id is a tuple", "tuple", "text");
            case Opcode.EXT1, Opcode.EXT2, Opcode.EXT4 ->
                throw in.unsupported("no extension registry is known", "names in full", "a number");
            case Opcode.NEXT_BUFFER, Opcode.READONLY_BUFFER ->
                throw in.unsupported("buffers lie in the pickle", "in band", "out of band");
            default -> throw in.corrupt("a known opcode", "protocols 0 to 5", Opcode.name(opcode));
        }
    }

    private void reduce(long callable, long arguments) throws IOException {
        stack.push(reductions.reduce(in, callable, arguments));
    }

    private long global() throws IOException {
        int module = name(in.line(MAX_NAME_BYTES));
        int name = name(in.line(MAX_NAME_BYTES));
        return Word.of(Word.GLOBAL, symbols.global(module, name));
    }

    private int name(byte[] utf8) throws IOException {
        if (!TextScan.isText(utf8)) {
            throw in.corrupt("a name is UTF-8", "UTF-8", "other bytes");
        }
        return symbols.text(utf8);
    }

    private void stackGlobal() throws IOException {
        long name = stack.pop();
        long module = stack.pop();
        if (Word.tag(name) != Word.TEXT || Word.tag(module) != Word.TEXT) {
            throw in.corrupt("a global has two names", "two texts", "other values");
        }
        int global = symbols.global((int) Word.payload(module), (int) Word.payload(name));
        stack.push(Word.of(Word.GLOBAL, global));
    }

    private void build() throws IOException {
        long state = stack.pop();
        long target = stack.peek();
        int tag = Word.tag(target);
        if (tag != Word.OBJECT && tag != Word.DICT && tag != Word.TENSOR) {
            throw in.corrupt("state is set on an object", "object, dictionary or tensor", "another value");
        }
        records.setState(target, state);
    }
}
