package org.trencadis.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Entries of dictionaries: the last value under a key counts, at the place of the first.
 *
 * <p>Keys are equal when their words are: texts, whole numbers and constants by value, all else by identity. Small
 * dictionaries are kept free of repetition as they grow, large ones are cleaned once at the end.
 */
final class Dictionaries {
    /** Up to this many entries keys are compared one by one. */
    private static final int SMALL = 8;

    private final Records records;
    private final Blocks blocks;
    private final LongColumn large;
    private long largeCount;

    Dictionaries(Records records, Arena scratch) {
        this.records = records;
        this.blocks = records.blocks();
        this.large = new LongColumn(scratch, 0);
    }

    /** Sets the entries key, value, key … of {@code words} between {@code from} and {@code to}. */
    void put(long dict, long[] words, int from, int to) throws IOException {
        long block = records.blockOf(dict);
        int entries = (block < 0 ? 0 : blocks.count(block) / 2) + (to - from) / 2;
        if (entries > SMALL) {
            records.append(dict, words, from, to);
            if (blocks.setFlag(records.blockOf(dict))) {
                large.set(largeCount++, dict);
            }
            return;
        }
        if (!repeats(block, words, from, to)) {
            records.append(dict, words, from, to);
            return;
        }
        for (int i = from; i < to; i += 2) {
            putOne(dict, words, i);
        }
    }

    private boolean repeats(long block, long[] words, int from, int to) {
        for (int i = from; i < to; i += 2) {
            for (int j = from; j < i; j += 2) {
                if (words[j] == words[i]) {
                    return true;
                }
            }
            if (block >= 0 && find(block, words[i]) >= 0) {
                return true;
            }
        }
        return false;
    }

    private void putOne(long dict, long[] words, int at) throws IOException {
        long block = records.blockOf(dict);
        int entry = block < 0 ? -1 : find(block, words[at]);
        if (entry < 0) {
            records.append(dict, words, at, at + 2);
        } else if (blocks.fits(block, words[at + 1])) {
            blocks.setItem(block, 2 * entry + 1, words[at + 1]);
        } else {
            long[] all = new long[blocks.count(block)];
            for (int i = 0; i < all.length; i++) {
                all[i] = i == 2 * entry + 1 ? words[at + 1] : blocks.item(block, i);
            }
            records.setBlock(dict, blocks.newBlock(all, 0, all.length));
        }
    }

    /** The entry with this key in a block, or -1; one by one. */
    private int find(long block, long key) {
        int count = blocks.count(block);
        for (int i = 0; i < count; i += 2) {
            if (blocks.item(block, i) == key) {
                return i / 2;
            }
        }
        return -1;
    }

    /** Removes what is repeated in large dictionaries; once, when all is read. */
    void finish() {
        for (long i = 0; i < largeCount; i++) {
            long block = records.blockOf(large.get(i));
            if (!ascends(block)) {
                try (Arena arena = Arena.ofConfined()) {
                    new Index(blocks, block, arena).merge();
                }
            }
        }
    }

    /** Whether each key's word is greater than the one before, as with keys that were never seen before: none repeats. */
    private boolean ascends(long block) {
        int count = blocks.count(block);
        for (int i = 2; i < count; i += 2) {
            if (blocks.item(block, i) <= blocks.item(block, i - 2)) {
                return false;
            }
        }
        return true;
    }

    /** The entries of one dictionary by their keys. */
    static final class Index {
        private final Blocks blocks;
        private final long block;
        private final MemorySegment slots;
        private final long mask;

        /** Of the entries up to the first that repeats a key; {@link #merge} goes on from there. */
        Index(Blocks blocks, long block, Arena arena) {
            this.blocks = blocks;
            this.block = block;
            int entries = blocks.count(block) / 2;
            long size = Long.highestOneBit(Math.max(1, entries)) * 4;
            this.mask = size - 1;
            this.slots = arena.allocate(size * 4, 4);
            for (int entry = 0; entry < entries; entry++) {
                long slot = slot(blocks.item(block, 2 * entry));
                if (at(slot) == 0) {
                    slots.setAtIndex(ValueLayout.JAVA_INT, slot, entry + 1);
                }
            }
        }

        /** The first entry with this key, or -1. */
        int find(long key) {
            return at(slot(key)) - 1;
        }

        void merge() {
            int entries = blocks.count(block) / 2;
            int kept = 0;
            for (int entry = 0; entry < entries; entry++) {
                long key = blocks.item(block, 2 * entry);
                long value = blocks.item(block, 2 * entry + 1);
                int first = find(key);
                if (first < entry) {
                    blocks.setItem(block, 2 * first + 1, value);
                    continue;
                }
                if (kept < entry) {
                    blocks.setItem(block, 2 * kept, key);
                    blocks.setItem(block, 2 * kept + 1, value);
                }
                slots.setAtIndex(ValueLayout.JAVA_INT, slot(key), kept + 1);
                kept++;
            }
            if (kept < entries) {
                blocks.cut(block, 2 * kept);
            }
        }

        private long slot(long key) {
            long hash = key * 0x9E3779B97F4A7C15L;
            long slot = (hash ^ hash >>> 32) & mask;
            while (at(slot) != 0 && blocks.item(block, 2 * (at(slot) - 1)) != key) {
                slot = slot + 1 & mask;
            }
            return slot;
        }

        private int at(long slot) {
            return slots.getAtIndex(ValueLayout.JAVA_INT, slot);
        }
    }
}
