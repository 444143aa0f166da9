package org.trencadis;

import java.nio.file.Path;

/**
 * How a checkpoint is to be read.
 *
 * @param sourceName the reader of a framework's directory, or null to recognise the framework
 * @param sourceLayout a layout file that declares geometry the files of a framework do not carry, or null
 * @param names under which its tensors are seen
 */
public record OpenOptions(String sourceName, Path sourceLayout, NameOptions names) {
    /** Everything is recognised, nothing renamed. */
    public static final OpenOptions NONE = new OpenOptions(null, null);

    /** Tensors under the names that they have. */
    public OpenOptions(String sourceName, Path sourceLayout) {
        this(sourceName, sourceLayout, NameOptions.NONE);
    }

    /** The same under other names. */
    public OpenOptions withNames(NameOptions other) {
        return new OpenOptions(sourceName, sourceLayout, other);
    }
}
