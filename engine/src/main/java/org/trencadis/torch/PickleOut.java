package org.trencadis.torch;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.trencadis.format.Value;

/** The bytes of a pickle while it is written: opcodes, numbers, texts and names, and the memo of what could come again. */
final class PickleOut {
    private static final BigInteger INT_MIN = BigInteger.valueOf(Integer.MIN_VALUE);
    private static final BigInteger INT_MAX = BigInteger.valueOf(Integer.MAX_VALUE);

    private final ByteArrayOutputStream out = new ByteArrayOutputStream(256);
    private final Map<Object, Integer> memo = new HashMap<>();
    private int memoCount;

    /** What was written. */
    byte[] toByteArray() {
        return out.toByteArray();
    }

    /** An opcode, or a byte that belongs to one. */
    void write(int octet) {
        out.write(octet);
    }

    void integer(long value) {
        if (value >= 0 && value <= 0xFF) {
            out.write(Opcode.BININT1);
            littleEndian(value, 1);
        } else if (value >= 0 && value <= 0xFFFF) {
            out.write(Opcode.BININT2);
            littleEndian(value, 2);
        } else if (value == (int) value) {
            out.write(Opcode.BININT);
            littleEndian(value, 4);
        } else {
            large(BigInteger.valueOf(value));
        }
    }

    void integer(BigInteger value) {
        if (value.compareTo(INT_MIN) >= 0 && value.compareTo(INT_MAX) <= 0) {
            integer(value.longValue());
        } else {
            large(value);
        }
    }

    private void large(BigInteger value) {
        byte[] bytes = value.toByteArray();
        if (bytes.length < 256) {
            out.write(Opcode.LONG1);
            out.write(bytes.length);
        } else {
            out.write(Opcode.LONG4);
            littleEndian(bytes.length, 4);
        }
        for (int i = bytes.length - 1; i >= 0; i--) {
            out.write(bytes[i]);
        }
    }

    void real(double value) {
        out.write(Opcode.BINFLOAT);
        long bits = Double.doubleToRawLongBits(value);
        for (int shift = 56; shift >= 0; shift -= 8) {
            out.write((int) (bits >>> shift));
        }
    }

    /** A text; the second time it is a reference. */
    void text(String value) {
        if (writeMemo(value)) {
            return;
        }
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        out.write(Opcode.BINUNICODE);
        littleEndian(utf8.length, 4);
        out.writeBytes(utf8);
        memoize(value);
    }

    /** A name; the second time it is a reference. */
    void global(String module, String name) {
        Value.Global key = new Value.Global(module, name);
        if (writeMemo(key)) {
            return;
        }
        out.write(Opcode.GLOBAL);
        out.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
        memoize(key);
    }

    /** Refers to the object with memo number {@code number}. */
    void get(int number) {
        if (number < 256) {
            out.write(Opcode.BINGET);
            out.write(number);
        } else {
            out.write(Opcode.LONG_BINGET);
            littleEndian(number, 4);
        }
    }

    private boolean writeMemo(Object key) {
        Integer number = memo.get(key);
        if (number != null) {
            get(number);
        }
        return number != null;
    }

    /** Numbers the value on top of the stack, as Python's pickler does with everything that could appear again. */
    int memoize(Object key) {
        if (memoCount < 256) {
            out.write(Opcode.BINPUT);
            out.write(memoCount);
        } else {
            out.write(Opcode.LONG_BINPUT);
            littleEndian(memoCount, 4);
        }
        if (key != null) {
            memo.put(key, memoCount);
        }
        return memoCount++;
    }

    private void littleEndian(long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (value >>> 8 * i));
        }
    }
}
