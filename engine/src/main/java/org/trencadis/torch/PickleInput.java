package org.trencadis.torch;

import java.io.IOException;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Place;

/** The bytes of a pickle from front to back, through a private window: the mapped file is only ever copied from. */
final class PickleInput {
    private static final int WINDOW_BYTES = 64 * 1024;

    private final PickleBytes bytes;
    private final byte[] window;
    private long windowStart;
    private int at;
    private int limit;
    /** Position and name of the opcode that is being executed, for messages. */
    private long opcodeAt;

    private int opcode = -1;

    PickleInput(PickleBytes bytes) {
        this.bytes = bytes;
        this.window = new byte[(int) Math.min(WINDOW_BYTES, bytes.length())];
    }

    PickleBytes bytes() {
        return bytes;
    }

    /** Position of the next byte, relative to the pickle. */
    long position() {
        return windowStart + at;
    }

    long remaining() {
        return bytes.length() - position();
    }

    int opcode() throws IOException {
        opcodeAt = position();
        opcode = -1;
        opcode = octet();
        return opcode;
    }

    long opcodeAt() {
        return opcodeAt;
    }

    int octet() throws IOException {
        if (at == limit) {
            fill(1);
        }
        return window[at++] & 0xFF;
    }

    /** An unsigned little-endian number of {@code width} bytes; of 8 bytes a signed one. */
    long number(int width) throws IOException {
        if (limit - at < width) {
            fill(width);
        }
        long value = 0;
        for (int i = width - 1; i >= 0; i--) {
            value = value << 8 | window[at + i] & 0xFF;
        }
        at += width;
        return value;
    }

    double bigEndianDouble() throws IOException {
        return Double.longBitsToDouble(Long.reverseBytes(number(8)));
    }

    /** Checks that {@code count} more bytes are there, so that they may be stepped over or allocated for. */
    void checkHas(long count) throws IOException {
        if (count < 0 || count > remaining()) {
            throw new FormatException.Truncated(
                    "the bytes that an opcode announces lie in the pickle", count + " bytes", remaining(), place());
        }
    }

    byte[] take(long count) throws IOException {
        checkHas(count);
        byte[] taken = new byte[Math.toIntExact(count)];
        bytes.read(position(), taken, 0, taken.length);
        skip(count);
        return taken;
    }

    void skip(long count) throws IOException {
        checkHas(count);
        if (count <= limit - at) {
            at += (int) count;
        } else {
            windowStart = position() + count;
            at = 0;
            limit = 0;
        }
    }

    /** The bytes in front of the next newline, which is stepped over; of at most {@code most} bytes. */
    byte[] line(int most) throws IOException {
        int length = 0;
        while (true) {
            if (limit - at <= length) {
                if (length >= most || length >= remaining()) {
                    throw new FormatException.Truncated(
                            "a line of a pickle ends with a newline", "at most " + most + " bytes", length, place());
                }
                fill(length + 1);
            }
            if (window[at + length] == '\n') {
                byte[] line = java.util.Arrays.copyOfRange(window, at, at + length);
                at += length + 1;
                return line;
            }
            length++;
            if (length > most) {
                throw corrupt("a line of a pickle is short", "at most " + most + " bytes", "more");
            }
        }
    }

    /** Makes {@code count} bytes visible in the window where they fit it; whether they do. */
    boolean show(int count) throws IOException {
        if (count > window.length) {
            return false;
        }
        if (limit - at < count) {
            fill(count);
        }
        return true;
    }

    byte[] window() {
        return window;
    }

    int windowIndex() {
        return at;
    }

    private void fill(int count) throws IOException {
        if (count > remaining()) {
            throw new FormatException.Truncated(
                    "a pickle ends with STOP", "at least " + count + " bytes more", remaining(), place());
        }
        int kept = limit - at;
        System.arraycopy(window, at, window, 0, kept);
        windowStart += at;
        at = 0;
        int more = (int) Math.min(window.length - kept, bytes.length() - windowStart - kept);
        bytes.read(windowStart + kept, window, kept, more);
        limit = kept + more;
    }

    Place place() {
        String name = opcode < 0 ? "" : " opcode " + Opcode.name(opcode);
        return new Place(bytes.resource(), bytes.section() + name, bytes.start() + opcodeAt);
    }

    FormatException.Corrupt corrupt(String rule, Object expected, Object actual) {
        return new FormatException.Corrupt(rule, expected, actual, place());
    }

    FormatException.Unsupported unsupported(String rule, Object expected, Object actual) {
        return new FormatException.Unsupported(rule, expected, actual, place());
    }
}
