package org.trencadis.source;

import java.nio.file.Path;

/**
 * How a directory is to be read.
 *
 * @param sourceName reader to use, or null to recognise it
 * @param sourceLayout a layout file that declares geometry the files do not carry, or null
 */
public record SourceOptions(String sourceName, Path sourceLayout) {
    /** Everything is recognised. */
    public static final SourceOptions NONE = new SourceOptions(null, null);
}
