package org.trencadis;

import java.nio.file.Path;

/**
 * How a framework's directory is to be read; containers carry what they need themselves.
 *
 * @param sourceName the reader to use, or null to recognise the framework
 * @param sourceLayout a layout file that declares geometry the files do not carry, or null
 */
public record OpenOptions(String sourceName, Path sourceLayout) {
    /** Everything is recognised. */
    public static final OpenOptions NONE = new OpenOptions(null, null);
}
