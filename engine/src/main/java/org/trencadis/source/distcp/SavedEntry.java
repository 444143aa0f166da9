package org.trencadis.source.distcp;

import java.util.List;
import org.trencadis.tensor.Dtype;

/**
 * One entry of a saved state dictionary: a tensor, or a pickled value.
 *
 * @param name the dictionary's path, flattened: steps joined with dots
 * @param path the keys that lead to it, or null where the save does not say them
 * @param dtype null for a value
 * @param shape whole, not of one shard; null for a value
 */
public record SavedEntry(String name, List<Step> path, Dtype dtype, long[] shape) {
    /**
     * A key on the way to an entry.
     *
     * @param index whether it is the position in a list; then {@code text} is its decimal form
     */
    public record Step(String text, boolean index) {
        /** A key of a dictionary. */
        public static Step key(String text) {
            return new Step(text, false);
        }

        boolean is(String key) {
            return !index && text.equals(key);
        }
    }

    public boolean isTensor() {
        return dtype != null;
    }
}
