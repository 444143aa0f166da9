package org.trencadis;

import java.util.List;

/**
 * Under which names, and in which cuts, tensors are to be seen.
 *
 * @param renames each {@code REGEX=REPLACEMENT}: the first that matches a name from its start replaces what it matched
 * @param naming a naming that is known, with settings ({@code megatron-llama,heads=32,kv=8}), or a file of rules; null for
 *     the names that are there
 * @param strict whether a rename that matches no name is an error
 */
public record NameOptions(List<String> renames, String naming, boolean strict) {
    /** The names that are there. */
    public static final NameOptions NONE = new NameOptions(List.of(), null, true);

    public NameOptions {
        renames = List.copyOf(renames);
    }

    /** Whether nothing changes. */
    public boolean isNone() {
        return renames.isEmpty() && naming == null;
    }

    /** The same where a rename may match nothing: it may be meant for the other side of a comparison. */
    public NameOptions lenient() {
        return new NameOptions(renames, naming, false);
    }
}
