package org.trencadis.torch;

import java.lang.foreign.Arena;
import java.util.concurrent.ConcurrentHashMap;

/** Looks entries up by key: one by one in small dictionaries, through an index, made when first asked, in large ones. */
final class DictionaryIndexes {
    private static final int LINEAR_ENTRIES = 64;

    private final PickleTree tree;
    private final Arena arena;
    private final ConcurrentHashMap<Long, Dictionaries.Index> indexes = new ConcurrentHashMap<>();

    DictionaryIndexes(PickleTree tree, Arena arena) {
        this.tree = tree;
        this.arena = arena;
    }

    /** The number of the entry with this key, or -1. */
    int find(long dict, long key) {
        int count = tree.count(dict);
        if (count > 2 * LINEAR_ENTRIES) {
            return indexes.computeIfAbsent(
                            dict,
                            missing -> new Dictionaries.Index(
                                    tree.records().blocks(), tree.records().blockOf(dict), arena))
                    .find(key);
        }
        for (int i = 0; i < count; i += 2) {
            if (tree.item(dict, i) == key) {
                return i / 2;
            }
        }
        return -1;
    }
}
