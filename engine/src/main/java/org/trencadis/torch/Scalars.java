package org.trencadis.torch;

import java.io.IOException;
import java.math.BigInteger;

/** Reads the numbers, texts and byte strings of a pickle, in each form that a protocol has for them. */
final class Scalars {
    private static final int MAX_INTEGER_BYTES = 4096;
    private static final int MAX_NUMBER_CHARACTERS = 4400;
    private static final int MAX_OLD_STRING_BYTES = 16 << 20;
    private static final int MAX_LINE_BYTES = 60_000;
    /** Of a real in decimal digits. */
    private static final int MAX_REAL_CHARACTERS = 4096;

    private final PickleInput in;
    private final ScalarRecords records;
    private final Symbols symbols;

    Scalars(PickleInput in, ScalarRecords records, Symbols symbols) {
        this.in = in;
        this.records = records;
        this.symbols = symbols;
    }

    /** The number that {@code opcode} pushes. */
    long number(int opcode) throws IOException {
        return switch (opcode) {
            case Opcode.BININT1 -> Word.of(Word.INT, in.octet());
            case Opcode.BININT2 -> Word.of(Word.INT, in.number(2));
            case Opcode.BININT -> Word.of(Word.INT, in.number(4) << 32 >> 32);
            case Opcode.LONG1 -> littleEndianInteger(in.octet());
            case Opcode.LONG4 -> littleEndianInteger((int) in.number(4));
            case Opcode.BINFLOAT -> records.newReal(in.bigEndianDouble());
            case Opcode.INT -> Decimals.integerOrBool(in, records, in.line(MAX_NUMBER_CHARACTERS));
            case Opcode.LONG -> Decimals.integer(in, records, in.line(MAX_NUMBER_CHARACTERS));
            case Opcode.FLOAT -> records.newReal(Decimals.real(in, in.line(MAX_REAL_CHARACTERS)));
            default -> throw new AssertionError(Opcode.name(opcode));
        };
    }

    private long littleEndianInteger(int count) throws IOException {
        if (count < 0) {
            throw in.corrupt("a length is not negative", "from 0", count);
        }
        in.checkHas(count);
        if (count > MAX_INTEGER_BYTES) {
            throw in.unsupported("a whole number has at most 4096 bytes", MAX_INTEGER_BYTES, count);
        }
        if (count <= 7) {
            int shift = 64 - 8 * count;
            return count == 0 ? Word.of(Word.INT, 0) : Word.of(Word.INT, in.number(count) << shift >> shift);
        }
        byte[] bytes = in.take(count);
        for (int i = 0; i < count / 2; i++) {
            byte low = bytes[i];
            bytes[i] = bytes[count - 1 - i];
            bytes[count - 1 - i] = low;
        }
        return records.newInteger(new BigInteger(bytes));
    }

    /** The text or bytes that {@code opcode} pushes. */
    long text(int opcode) throws IOException {
        return switch (opcode) {
            case Opcode.BINUNICODE -> textOf(in.number(4));
            case Opcode.SHORT_BINUNICODE -> textOf(in.octet());
            case Opcode.BINUNICODE8 -> textOf(in.number(8));
            case Opcode.UNICODE -> Word.of(Word.TEXT, symbols.text(Escapes.unicode(in, in.line(MAX_LINE_BYTES))));
            case Opcode.BINSTRING -> oldString(in.number(4));
            case Opcode.SHORT_BINSTRING -> oldString(in.octet());
            case Opcode.STRING -> oldString(Escapes.quoted(in, in.line(MAX_LINE_BYTES)));
            case Opcode.BINBYTES -> bytesOf(in.number(4));
            case Opcode.SHORT_BINBYTES -> bytesOf(in.octet());
            case Opcode.BINBYTES8, Opcode.BYTEARRAY8 -> bytesOf(in.number(8));
            default -> throw new AssertionError(Opcode.name(opcode));
        };
    }

    private long textOf(long length) throws IOException {
        return Word.of(Word.TEXT, symbols.text(in, length));
    }

    private long bytesOf(long length) throws IOException {
        in.checkHas(length);
        long bytes = records.newBytes(in.position(), length);
        in.skip(length);
        return bytes;
    }

    private long oldString(long length) throws IOException {
        in.checkHas(length);
        if (length > MAX_OLD_STRING_BYTES) {
            throw in.unsupported("a Python 2 string is short", MAX_OLD_STRING_BYTES, length);
        }
        return oldString(in.take(length));
    }

    /** Python 2's str: text where it can be one. */
    private long oldString(byte[] bytes) throws IOException {
        boolean isText = TextScan.isText(bytes);
        return isText ? Word.of(Word.TEXT, symbols.text(bytes)) : records.newBytes(bytes);
    }
}
