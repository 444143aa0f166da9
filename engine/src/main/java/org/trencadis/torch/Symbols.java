package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The texts and globals of a pickle, each once: equal texts have equal numbers, so keys are compared as numbers.
 *
 * <p>A text is not copied: it is a place in the pickle, or on the tape where the pickle spells it in another way than
 * UTF-8.
 */
final class Symbols {
    /** A symbol, or -1, and its text. */
    private record Cached(int symbol, String text) {}

    private static final int IN_PICKLE = 0;
    private static final int ON_TAPE = 1;
    private static final int GLOBAL = 2;
    private static final int NUMBER_BITS = 30;
    /** Bounds the hash table to 64 MiB of heap. */
    private static final int MAX_SYMBOLS = 1 << 23;

    private static final int CACHE = 1024;

    private final PickleBytes pickle;
    private final Tape tape;
    /** Position and kind of symbol n at 2n, hash and length at 2n + 1. A global's position is two symbols. */
    private final LongColumn column;

    private int count;
    private int[] table = new int[64];
    private final TextScan scan = new TextScan();
    private byte[] left = new byte[64];
    private byte[] right = new byte[64];
    private final Cached[] cache = new Cached[CACHE];
    private final Cached[] found = new Cached[CACHE];

    Symbols(PickleBytes pickle, Tape tape, Arena arena) {
        this.pickle = pickle;
        this.tape = tape;
        this.column = new LongColumn(arena, pickle.length() / 16);
    }

    /** The text in the next {@code length} bytes of {@code in}, which are stepped over. */
    int text(PickleInput in, long length) throws IOException {
        in.checkHas(length);
        if (length > Integer.MAX_VALUE - 16) {
            throw in.unsupported("a text has less than 2 GiB", Integer.MAX_VALUE - 16, length);
        }
        int bytes = (int) length;
        long position = in.position();
        scan.reset();
        boolean shown = in.show(bytes);
        if (shown) {
            scan.scan(in.window(), in.windowIndex(), in.windowIndex() + bytes);
        } else {
            scanLong(position, bytes);
        }
        if (!scan.isText()) {
            throw in.corrupt("text is UTF-8", "UTF-8", "other bytes");
        }
        int hash = scan.hash();
        int slot = hash & table.length - 1;
        for (; table[slot] != 0; slot = slot + 1 & table.length - 1) {
            int symbol = table[slot] - 1;
            if (isText(symbol, hash, bytes)
                    && (shown ? equalsWindow(symbol, in, bytes) : equalsLong(symbol, position, bytes))) {
                in.skip(length);
                return symbol;
            }
        }
        in.skip(length);
        return add(slot, position << 2 | IN_PICKLE, hash, bytes);
    }

    /** The text of {@code utf8}, which is no part of the pickle. */
    int text(byte[] utf8) throws IOException {
        int hash = TextScan.hash(utf8);
        int slot = findSlot(hash, utf8);
        if (table[slot] != 0) {
            return table[slot] - 1;
        }
        long position = tape.allocate(utf8.length);
        tape.put(position, utf8);
        return add(slot, position << 2 | ON_TAPE, hash, utf8.length);
    }

    /**
     * The number of {@code text}, or -1 where the pickle does not have it. Safe for several threads when all is read.
     */
    int find(String text) throws IOException {
        int slot = (text.hashCode() ^ text.hashCode() >>> 10) & CACHE - 1;
        Cached cached = found[slot];
        if (cached == null || !cached.text.equals(text)) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            cached = new Cached(table[findSlot(TextScan.hash(utf8), utf8)] - 1, text);
            found[slot] = cached;
        }
        return cached.symbol;
    }

    int global(int module, int name) throws IOException {
        long pair = (long) module << NUMBER_BITS | name;
        int hash = Long.hashCode(pair * 0x9E3779B97F4A7C15L);
        int slot = hash & table.length - 1;
        for (; table[slot] != 0; slot = slot + 1 & table.length - 1) {
            if (column.get(2L * (table[slot] - 1)) == (pair << 2 | GLOBAL)) {
                return table[slot] - 1;
            }
        }
        return add(slot, pair << 2 | GLOBAL, hash, 0);
    }

    int module(int global) {
        return (int) (column.get(2L * global) >>> NUMBER_BITS + 2);
    }

    int name(int global) {
        return (int) (column.get(2L * global) >>> 2) & (1 << NUMBER_BITS) - 1;
    }

    /** The text of a symbol. */
    String text(int symbol) throws IOException {
        Cached cached = cache[symbol % CACHE];
        if (cached == null || cached.symbol != symbol) {
            cached = new Cached(symbol, new String(utf8(symbol), StandardCharsets.UTF_8));
            if (cached.text.length() < 256) {
                cache[symbol % CACHE] = cached;
            }
        }
        return cached.text;
    }

    /** {@code module.name} of a global. */
    String globalName(int global) throws IOException {
        return text(module(global)) + "." + text(name(global));
    }

    int lengthBytes(int symbol) {
        return (int) column.get(2L * symbol + 1);
    }

    byte[] utf8(int symbol) throws IOException {
        byte[] bytes = new byte[lengthBytes(symbol)];
        read(symbol, 0, bytes, bytes.length);
        return bytes;
    }

    private void read(int symbol, int from, byte[] target, int count) throws IOException {
        long place = column.get(2L * symbol);
        if ((place & 3) == IN_PICKLE) {
            pickle.read((place >>> 2) + from, target, 0, count);
        } else {
            for (int i = 0; i < count; i++) {
                target[i] = (byte) tape.getByte((place >>> 2) + from + i);
            }
        }
    }

    private boolean isText(int symbol, int hash, int length) {
        return column.get(2L * symbol + 1) == ((long) hash << 32 | length) && (column.get(2L * symbol) & 3) != GLOBAL;
    }

    private boolean equalsWindow(int symbol, PickleInput in, int length) throws IOException {
        if (left.length < length) {
            left = new byte[Math.max(length, 2 * left.length)];
        }
        read(symbol, 0, left, length);
        int at = in.windowIndex();
        return Arrays.equals(left, 0, length, in.window(), at, at + length);
    }

    private void scanLong(long position, int length) throws IOException {
        growBuffers();
        for (int done = 0; done < length; done += left.length) {
            int part = Math.min(left.length, length - done);
            pickle.read(position + done, left, 0, part);
            scan.scan(left, 0, part);
        }
    }

    private boolean equalsLong(int symbol, long position, int length) throws IOException {
        growBuffers();
        int step = Math.min(left.length, right.length);
        for (int done = 0; done < length; done += step) {
            int part = Math.min(step, length - done);
            pickle.read(position + done, left, 0, part);
            read(symbol, done, right, part);
            if (!Arrays.equals(left, 0, part, right, 0, part)) {
                return false;
            }
        }
        return true;
    }

    private void growBuffers() {
        left = left.length < 8192 ? new byte[8192] : left;
        right = right.length < 8192 ? new byte[8192] : right;
    }

    private int findSlot(int hash, byte[] utf8) throws IOException {
        int slot = hash & table.length - 1;
        for (; table[slot] != 0; slot = slot + 1 & table.length - 1) {
            int symbol = table[slot] - 1;
            if (isText(symbol, hash, utf8.length) && Arrays.equals(utf8(symbol), utf8)) {
                return slot;
            }
        }
        return slot;
    }

    private int add(int slot, long place, int hash, int length) throws IOException {
        if (count == MAX_SYMBOLS) {
            throw new org.trencadis.format.FormatException.Unsupported(
                    "a pickle has a bounded number of different texts", MAX_SYMBOLS, "more", pickle.place(0));
        }
        column.set(2L * count, place);
        column.set(2L * count + 1, (long) hash << 32 | length);
        table[slot] = ++count;
        if (2L * count > table.length) {
            grow();
        }
        return count - 1;
    }

    private void grow() {
        int[] larger = new int[table.length * 2];
        for (int symbol = 0; symbol < count; symbol++) {
            int slot = (int) (column.get(2L * symbol + 1) >>> 32) & larger.length - 1;
            while (larger[slot] != 0) {
                slot = slot + 1 & larger.length - 1;
            }
            larger[slot] = symbol + 1;
        }
        table = larger;
    }
}
