package org.trencadis.index;

import org.trencadis.tensor.Region;

/**
 * A region and where its elements lie; a transient value of a walk.
 *
 * @param encoding ordinal of an {@link Encoding}, or -1 for canonical: row-major, little-endian
 * @param holders ordinal of the ranks that held it, or -1
 */
public record Fragment(Region region, long extentStart, int extentCount, int encoding, int holders) {}
