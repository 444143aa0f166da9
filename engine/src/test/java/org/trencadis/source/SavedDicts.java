package org.trencadis.source;

import java.util.LinkedHashMap;
import java.util.Map;

/** Dictionaries as a training script builds them, to be pickled. */
public final class SavedDicts {
    private SavedDicts() {}

    /** A dictionary of alternating keys and values. */
    public static Map<Object, Object> dict(Object... entries) {
        Map<Object, Object> dict = new LinkedHashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            dict.put(entries[i], entries[i + 1]);
        }
        return dict;
    }
}
