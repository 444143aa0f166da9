package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;
import org.trencadis.format.FormatException;

/** How numbers and bytes that no word holds lie on the {@link Tape}. */
final class ScalarRecords {
    private final Tape tape;

    ScalarRecords(Tape tape) {
        this.tape = tape;
    }

    long newReal(double value) throws FormatException {
        long position = tape.allocate(8);
        tape.put(position, Double.doubleToRawLongBits(value), 8);
        return Word.of(Word.REAL, position);
    }

    double real(long word) {
        return Double.longBitsToDouble(tape.get(Word.payload(word), 8));
    }

    long newInteger(BigInteger value) throws FormatException {
        if (value.bitLength() < 64 && Word.fitsInt(value.longValue())) {
            return Word.of(Word.INT, value.longValue());
        }
        byte[] bytes = value.toByteArray();
        long position = tape.allocate(4 + bytes.length);
        tape.put(position, bytes.length, 4);
        tape.put(position + 4, bytes);
        return Word.of(Word.BIG, position);
    }

    BigInteger integer(long word) {
        if (Word.tag(word) == Word.INT) {
            return BigInteger.valueOf(Word.payload(word));
        }
        long position = Word.payload(word);
        return new BigInteger(tape.get(position + 4, new byte[(int) tape.get(position, 4)]));
    }

    /** Bytes that lie in the pickle, at {@code offset} of it. */
    long newBytes(long offset, long count) throws FormatException {
        return newBytes(0, offset, count);
    }

    /** Bytes that the pickle spells in another way. */
    long newBytes(byte[] bytes) throws FormatException {
        long position = tape.allocate(bytes.length);
        tape.put(position, bytes);
        return newBytes(1, position, bytes.length);
    }

    private long newBytes(int where, long place, long count) throws FormatException {
        long record = tape.allocate(1 + 6 + 6);
        tape.putByte(record, where);
        tape.put(record + 1, place, 6);
        tape.put(record + 7, count, 6);
        return Word.of(Word.BYTES, record);
    }

    long bytesCount(long word) {
        return tape.get(Word.payload(word) + 7, 6);
    }

    byte[] bytes(long word, PickleBytes pickle) throws IOException {
        long record = Word.payload(word);
        byte[] bytes = new byte[Math.toIntExact(bytesCount(word))];
        long place = tape.get(record + 1, 6);
        if (tape.getByte(record) == 0) {
            pickle.read(place, bytes, 0, bytes.length);
            return bytes;
        }
        return tape.get(place, bytes);
    }
}
