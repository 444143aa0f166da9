package org.trencadis.source.torchsave;

/** A set of numbers other than 0, for millions of them. */
final class WordSet {
    private long[] slots = new long[64];
    private int size;

    /** Whether {@code word} was not in the set. */
    boolean add(long word) {
        if (2 * size >= slots.length) {
            grow();
        }
        int slot = slot(slots, word);
        if (slots[slot] == word) {
            return false;
        }
        slots[slot] = word;
        size++;
        return true;
    }

    boolean contains(long word) {
        return slots[slot(slots, word)] == word;
    }

    int size() {
        return size;
    }

    private void grow() {
        long[] wider = new long[2 * slots.length];
        for (long word : slots) {
            if (word != 0) {
                wider[slot(wider, word)] = word;
            }
        }
        slots = wider;
    }

    /** The place of {@code word}, or the free one where it would be put. */
    private static int slot(long[] slots, long word) {
        long mixed = word * 0x9E3779B97F4A7C15L;
        int slot = (int) (mixed >>> 32) & slots.length - 1;
        while (slots[slot] != 0 && slots[slot] != word) {
            slot = slot + 1 & slots.length - 1;
        }
        return slot;
    }
}
