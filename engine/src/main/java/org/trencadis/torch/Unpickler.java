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
    private final CollectionOpcodes collections;
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
        this.scalars = new Scalars(in, tree.scalars(), symbols);
        this.dictionaries = new Dictionaries(records, scratch);
        this.reductions = new Reductions(tree, dictionaries);
        this.persistentIds = new PersistentIds(tree);
        this.stack = new ValueStack(in);
        this.collections = new CollectionOpcodes(in, stack, records, dictionaries);
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
                case CONTAINER -> collections.run(opcode);
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

    private void object(int opcode) throws IOException {
        switch (opcode) {
            case Opcode.GLOBAL -> stack.push(global());
            case Opcode.STACK_GLOBAL -> stackGlobal();
            case Opcode.REDUCE, Opcode.NEWOBJ -> {
                long arguments = stack.pop();
                reduce(stack.pop(), arguments);
            }
            case Opcode.NEWOBJ_EX -> {
                collections.tuple(2);
                long both = stack.pop();
                stack.push(records.newObject(stack.pop(), both));
            }
            case Opcode.INST -> {
                long callable = global();
                collections.tuple(stack.size() - stack.popMark());
                reduce(callable, stack.pop());
            }
            case Opcode.OBJ -> {
                int from = stack.popMark();
                if (stack.size() == from) {
                    throw in.corrupt("OBJ finds a class above its mark", "a class", "none");
                }
                collections.tuple(stack.size() - from - 1);
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
