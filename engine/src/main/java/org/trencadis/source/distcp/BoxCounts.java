package org.trencadis.source.distcp;

import org.trencadis.tensor.Box;

/**
 * How often each box of each tensor was met: the ranks of a save without common metadata do not know of each other, so
 * what several of them hold is written by each.
 *
 * <p>Boxes are told apart by 64 bits of a hash; two that share them would be taken for copies of each other, which the
 * proof of coverage then refuses.
 */
final class BoxCounts {
    private long[] keys = new long[1024];
    private int[] counts = new int[1024];
    private int size;

    /** Counts one more; how often the box had been met before. */
    int add(int tensor, Box box) {
        long key = key(tensor, box);
        int slot = slot(key);
        if (keys[slot] == 0) {
            keys[slot] = key;
            if (++size > keys.length / 2) {
                grow();
                slot = slot(key);
            }
        }
        return counts[slot]++;
    }

    private int slot(long key) {
        int mask = keys.length - 1;
        int slot = (int) key & mask;
        while (keys[slot] != 0 && keys[slot] != key) {
            slot = slot + 1 & mask;
        }
        return slot;
    }

    private void grow() {
        long[] oldKeys = keys;
        int[] oldCounts = counts;
        keys = new long[oldKeys.length * 2];
        counts = new int[oldKeys.length * 2];
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldKeys[i] != 0) {
                int slot = slot(oldKeys[i]);
                keys[slot] = oldKeys[i];
                counts[slot] = oldCounts[i];
            }
        }
    }

    private static long key(int tensor, Box box) {
        long key = mix(tensor + 1L);
        for (long offset : box.offsets()) {
            key = mix(key ^ offset);
        }
        for (long extent : box.extents()) {
            key = mix(key ^ ~extent);
        }
        return key == 0 ? 1 : key;
    }

    private static long mix(long bits) {
        bits = (bits ^ bits >>> 30) * 0xBF58476D1CE4E5B9L;
        bits = (bits ^ bits >>> 27) * 0x94D049BB133111EBL;
        return bits ^ bits >>> 31;
    }
}
