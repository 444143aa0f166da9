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

    /**
     * Refuses a source layout, for files that carry their own geometry.
     *
     * @param reader what reads them, as in "the DCP reader"
     * @param why it needs no layout
     */
    public void checkNoLayout(String reader, String why) throws SourceException {
        if (sourceLayout != null) {
            throw new SourceException(reader + " takes no source layout: " + why);
        }
    }
}
