package org.trencadis.format;

import java.math.BigInteger;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

/**
 * The bytes of a {@link Value}: a tag byte, then a body that the tag defines (SPEC.md, "Values").
 *
 * <p>Lengths and counts are LEB128 without superfluous bytes, so that one value has one encoding.
 */
public final class ValueCodec {
    /** The deepest nesting that is written or read. */
    public static final int MAX_DEPTH = 200;

    static final int NONE = 1;
    static final int FALSE = 2;
    static final int TRUE = 3;
    static final int INT = 4;
    static final int REAL = 5;
    static final int TEXT = 6;
    static final int BLOB = 7;
    static final int SEQUENCE = 8;
    static final int TUPLE = 9;
    static final int MAPPING = 10;
    static final int GLOBAL = 11;
    static final int INSTANCE = 12;
    static final int TENSOR = 13;
    static final int SHARED = 14;

    private ValueCodec() {}

    /**
     * The bytes of {@code value}.
     *
     * @throws IllegalArgumentException when it nests deeper than {@link #MAX_DEPTH} or holds text that is not Unicode
     */
    public static byte[] encode(Value value) {
        ValueEncoder encoder = new ValueEncoder();
        encoder.write(value, 0);
        return encoder.finish();
    }

    /**
     * The value of {@code bytes}, all of which must belong to it.
     *
     * @throws Corrupt when the bytes are not one value
     */
    public static Value decode(byte[] bytes, Place place) throws Corrupt {
        return new ValueDecoder(bytes, place).readAll();
    }

    static byte[] littleEndian(BigInteger number) {
        return reverse(number.toByteArray());
    }

    static byte[] reverse(byte[] bytes) {
        byte[] reversed = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            reversed[i] = bytes[bytes.length - 1 - i];
        }
        return reversed;
    }
}
