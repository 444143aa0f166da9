package org.trencadis.layout;

import java.util.Arrays;

/**
 * Which layers the stages of a pipeline hold. Stages that hold several pieces take turns: piece 0 of each stage, then piece
 * 1 of each.
 *
 * @param stages of the pipeline
 * @param counts layers by depth: of stage {@code s}, piece {@code v} at {@code v * stages + s}
 */
public record Pipeline(int stages, long[] counts) {
    /** How layers are shared where their numbers are not written out. */
    public enum Split {
        /** Every piece has as many; they must divide. */
        UNIFORM,
        /** The first pieces have one more where they do not divide. */
        BALANCED
    }

    public Pipeline {
        if (stages < 1 || counts.length == 0 || counts.length % stages != 0) {
            throw new IllegalArgumentException(counts.length + " pieces on " + stages + " stages");
        }
    }

    /**
     * Shares {@code layers} among stages.
     *
     * @param pieces of each stage
     * @throws LayoutException where a uniform split does not divide
     */
    public static Pipeline of(long layers, int stages, int pieces, Split split) throws LayoutException {
        int all = Math.multiplyExact(stages, pieces);
        if (split == Split.UNIFORM && layers % all != 0) {
            throw new LayoutException(
                    layers + " layers cannot be shared evenly by " + stages + " stages of " + pieces + " pieces");
        }
        long[] counts = new long[all];
        for (int i = 0; i < all; i++) {
            counts[i] = layers / all + (i < layers % all ? 1 : 0);
        }
        return new Pipeline(stages, counts);
    }

    /** Pieces of each stage. */
    public int pieces() {
        return counts.length / stages;
    }

    /** Layers of one piece of a stage. */
    public long count(int stage, int piece) {
        return counts[piece * stages + stage];
    }

    /** The number of the first layer of one piece of a stage. */
    public long first(int stage, int piece) {
        return Arrays.stream(counts, 0, piece * stages + stage).sum();
    }

    /** All layers. */
    public long layers() {
        return Arrays.stream(counts).sum();
    }
}
