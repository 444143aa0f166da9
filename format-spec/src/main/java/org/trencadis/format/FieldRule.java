package org.trencadis.format;

/** What the value of a field on disk may be. */
public sealed interface FieldRule {
    /** The sentence of SPEC.md. */
    String text();

    /** Null where the value is allowed, else what was expected. */
    String findFault(long value, RecordLayout.Limits limits);

    /** Any value is allowed. */
    static FieldRule any() {
        return new Any();
    }

    /** Exactly this value. */
    static FieldRule exactly(long value) {
        return new Range(value, value);
    }

    /** Between two values, both allowed. */
    static FieldRule range(long least, long greatest) {
        return new Range(least, greatest);
    }

    /** Below the bound {@code limit}. */
    static FieldRule below(String limit) {
        return new Below(limit, false, false);
    }

    /** At most the bound {@code limit}. */
    static FieldRule atMost(String limit) {
        return new Below(limit, true, false);
    }

    /** Below the bound {@code limit}, or all ones for none. */
    static FieldRule belowOrNone(String limit) {
        return new Below(limit, false, true);
    }

    /** Only bits of {@code mask}. */
    static FieldRule mask(long mask) {
        return new Mask(mask);
    }

    /** Any value. */
    record Any() implements FieldRule {
        @Override
        public String text() {
            return "any";
        }

        @Override
        public String findFault(long value, RecordLayout.Limits limits) {
            return null;
        }
    }

    /** Between two bounds, both allowed, compared as unsigned. */
    record Range(long least, long greatest) implements FieldRule {
        @Override
        public String text() {
            return least == greatest ? "= " + print(least) : print(least) + " to " + print(greatest);
        }

        @Override
        public String findFault(long value, RecordLayout.Limits limits) {
            boolean inside = Long.compareUnsigned(value, least) >= 0 && Long.compareUnsigned(value, greatest) <= 0;
            return inside ? null : text();
        }

        /** Magics are read in hex, counts in decimal. */
        private static String print(long bound) {
            boolean isCount = bound >= 0 && bound <= 0xFFFFFFFFL;
            return isCount ? Long.toString(bound) : "0x" + Long.toHexString(bound);
        }
    }

    /** Below a bound known from the open file; {@code orNone} also allows all ones. */
    record Below(String limit, boolean inclusive, boolean orNone) implements FieldRule {
        @Override
        public String text() {
            return (inclusive ? "at most " : "below ") + limit + (orNone ? ", or all ones for none" : "");
        }

        @Override
        public String findFault(long value, RecordLayout.Limits limits) {
            if (orNone && (value == -1 || value == 0xFFFFFFFFL)) {
                return null;
            }
            long bound = limits.limit(limit);
            boolean inside = value >= 0 && (inclusive ? value <= bound : value < bound);
            return inside ? null : text() + " (" + bound + ")";
        }
    }

    /** Only bits of a mask. */
    record Mask(long mask) implements FieldRule {
        @Override
        public String text() {
            return "bits of 0x" + Long.toHexString(mask);
        }

        @Override
        public String findFault(long value, RecordLayout.Limits limits) {
            return (value & ~mask) == 0 ? null : text();
        }
    }
}
