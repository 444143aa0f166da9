package org.trencadis.format;

import java.io.IOException;

/**
 * Bytes that cannot be read as what they should be.
 *
 * <p>The type says what the caller may do: {@link Corrupt} bytes contradict the specification and permit repair,
 * {@link Truncated} ones end too early, {@link Unsupported} ones are newer than this reader or not this format at all.
 * A failed read is none of these: it stays the {@code IOException} that the system raised.
 */
public abstract sealed class FormatException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String rule;
    private final String expected;
    private final String actual;
    private final transient Place place;

    private FormatException(String rule, Object expected, Object actual, Place place) {
        super(rule + ": expected=" + expected + " actual=" + actual + " (" + place + ")");
        this.rule = rule;
        this.expected = String.valueOf(expected);
        this.actual = String.valueOf(actual);
        this.place = place;
    }

    /** The rule that failed, in words. */
    public String rule() {
        return rule;
    }

    public String expected() {
        return expected;
    }

    public String actual() {
        return actual;
    }

    /** Where the rule failed. */
    public Place place() {
        return place;
    }

    /**
     * A position in a resource.
     *
     * @param resource file or other name a person can look up
     * @param section part of the resource: a section, record or field name
     * @param offsetBytes absolute position in the resource
     */
    public record Place(String resource, String section, long offsetBytes) {
        @Override
        public String toString() {
            return "resource=" + resource + ", section=" + section + ", offset=" + offsetBytes;
        }
    }

    /** The bytes contradict the specification. */
    public static final class Corrupt extends FormatException {
        private static final long serialVersionUID = 1L;

        public Corrupt(String rule, Object expected, Object actual, Place place) {
            super(rule, expected, actual, place);
        }
    }

    /** The resource ends before what it promises. */
    public static final class Truncated extends FormatException {
        private static final long serialVersionUID = 1L;

        public Truncated(String rule, Object expected, Object actual, Place place) {
            super(rule, expected, actual, place);
        }
    }

    /** Not this format, or a form of it that this reader does not know. */
    public static final class Unsupported extends FormatException {
        private static final long serialVersionUID = 1L;

        public Unsupported(String rule, Object expected, Object actual, Place place) {
            super(rule, expected, actual, place);
        }
    }
}
