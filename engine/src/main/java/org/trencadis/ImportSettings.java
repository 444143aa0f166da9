package org.trencadis;

import java.util.Locale;

/**
 * How an import writes.
 *
 * @param name of the new checkpoint, or null for the source's own (its tag, or its directory's name)
 * @param compression how chunks are stored
 * @param threads workers, at least 1
 * @param copies what is stored where replicas disagree: {@code first}, {@code average} or a copy's number; null to refuse
 */
public record ImportSettings(String name, Compression compression, int threads, String copies) {
    /** How chunks are stored; a chunk that does not shrink is stored raw anyhow. */
    public enum Compression {
        RAW,
        LZ4,
        ZSTD;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Raw chunks, the source's name, all processors. */
    public static ImportSettings standard() {
        return new ImportSettings(null, Compression.RAW, Checkpoint.defaultThreads(), null);
    }
}
