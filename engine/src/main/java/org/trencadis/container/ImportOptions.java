package org.trencadis.container;

import org.trencadis.codec.Codec;
import org.trencadis.gather.CopyChoice;

/**
 * How an import writes.
 *
 * @param name of the new checkpoint
 * @param threads workers, at least 1
 * @param copies what is stored where replicas disagree
 */
public record ImportOptions(String name, Codec codec, int threads, CopyChoice copies) {
    /** The same, refusing replicas that disagree. */
    public ImportOptions(String name, Codec codec, int threads) {
        this(name, codec, threads, CopyChoice.REFUSE);
    }
}
