package org.trencadis.torch;

/**
 * One value in eight bytes: a tag in the low four bits, above it a signed payload.
 *
 * <p>Small values are their own payload; the payload of a reference is a position on the {@link Tape}, that of a text,
 * a global or a storage its number in a table.
 */
final class Word {
    static final int CONSTANT = 0;
    static final int INT = 1;
    /** Eight bytes on the tape. */
    static final int REAL = 2;
    /** A length and bytes in two's complement on the tape, for whole numbers beyond {@link #MAX_INT}. */
    static final int BIG = 3;
    /** A number in {@link Symbols}. */
    static final int TEXT = 4;

    static final int BYTES = 5;
    /** A number in {@link Symbols}. */
    static final int GLOBAL = 6;

    static final int TUPLE = 7;
    static final int LIST = 8;
    static final int DICT = 9;
    static final int SET = 10;
    static final int OBJECT = 11;
    static final int TENSOR = 12;
    /** A number in {@link Storages}: what a persistent id stands for. Never seen outside a tensor's arguments. */
    static final int STORAGE = 13;
    /** A record of three further words of a container or object. */
    static final int EXTRA = 14;
    /** The items of a list, set or dictionary. */
    static final int BLOCK = 15;

    static final long NONE = 0;
    static final long FALSE = 1 << 4;
    static final long TRUE = 2 << 4;
    static final long EMPTY_TUPLE = 3 << 4;

    /** The greatest whole number that is its own payload. */
    static final long MAX_INT = (1L << 59) - 1;

    static final long MIN_INT = -(1L << 59);

    /** Bit per tag: payload is a tape position. */
    private static final int REFERENCES = 1 << REAL
            | 1 << BIG
            | 1 << BYTES
            | 1 << TUPLE
            | 1 << LIST
            | 1 << DICT
            | 1 << SET
            | 1 << OBJECT
            | 1 << TENSOR
            | 1 << EXTRA
            | 1 << BLOCK;

    private Word() {}

    static long of(int tag, long payload) {
        return payload << 4 | tag;
    }

    static int tag(long word) {
        return (int) word & 0xF;
    }

    static long payload(long word) {
        return word >> 4;
    }

    static boolean isReference(long word) {
        return (REFERENCES >>> tag(word) & 1) != 0;
    }

    static boolean fitsInt(long value) {
        return value >= MIN_INT && value <= MAX_INT;
    }

    /** The word as it is stored near tape position {@code base}: references become distances, which are short. */
    static long relative(long word, long base) {
        return isReference(word) ? word - (base << 4) : word;
    }

    /** Undoes {@link #relative}. */
    static long absolute(long stored, long base) {
        return isReference(stored) ? stored + (base << 4) : stored;
    }

    /** Bytes that {@code stored} needs as a signed number, 1 to 8. */
    static int width(long stored) {
        return (72 - Long.numberOfLeadingZeros(stored ^ stored >> 63)) >>> 3;
    }

    static boolean isTuple(long word) {
        return tag(word) == TUPLE || word == EMPTY_TUPLE;
    }
}
