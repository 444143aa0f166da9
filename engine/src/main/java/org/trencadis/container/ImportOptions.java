package org.trencadis.container;

import org.trencadis.codec.Codec;

/**
 * How an import writes.
 *
 * @param name of the new checkpoint
 * @param threads workers, at least 1
 */
public record ImportOptions(String name, Codec codec, int threads) {}
