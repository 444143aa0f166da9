package org.trencadis;

import org.trencadis.index.Tensor;

/**
 * Something in which two checkpoints differ.
 *
 * @param kind in which way
 * @param subject name of a tensor, or the path of a run setting
 * @param state state of the tensor, or null
 * @param left what the first checkpoint has, or null
 * @param right what the second one has, or null
 * @param firstElement position of the first element that differs, or null
 * @param maxAbsolute largest absolute difference of two elements; NaN where a NaN stands against a number
 * @param elements number of elements that differ
 */
public record Difference(
        Kind kind,
        String subject,
        String state,
        String left,
        String right,
        long[] firstElement,
        double maxAbsolute,
        long elements) {
    /** Ways to differ. */
    public enum Kind {
        ONLY_LEFT("only in the first"),
        ONLY_RIGHT("only in the second"),
        DTYPE("type"),
        SHAPE("shape"),
        VALUES("values"),
        RUN("run state");

        private final String words;

        Kind(String words) {
            this.words = words;
        }

        /** The way in words. */
        public String words() {
            return words;
        }
    }

    static Difference ofTensor(Kind kind, Tensor tensor, String left, String right) {
        return new Difference(kind, tensor.name(), tensor.state(), left, right, null, Double.NaN, 0);
    }

    static Difference ofRun(String path, String left, String right) {
        return new Difference(Kind.RUN, path, null, left, right, null, Double.NaN, 0);
    }
}
