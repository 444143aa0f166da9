package org.trencadis.torch;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Puts pickles together opcode by opcode, also ones that no pickler would write. */
final class PickleWriter {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    PickleWriter op(int... opcodesAndBytes) {
        for (int value : opcodesAndBytes) {
            out.write(value);
        }
        return this;
    }

    PickleWriter number(int opcode, long value, int width) {
        out.write(opcode);
        for (int i = 0; i < width; i++) {
            out.write((int) (value >>> 8 * i));
        }
        return this;
    }

    PickleWriter integer(int value) {
        return number(Opcode.BININT, value, 4);
    }

    PickleWriter text(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        number(Opcode.BINUNICODE, utf8.length, 4);
        out.writeBytes(utf8);
        return this;
    }

    PickleWriter global(String module, String name) {
        return line(Opcode.GLOBAL, module + "\n" + name);
    }

    PickleWriter line(int opcode, String line) {
        out.write(opcode);
        out.writeBytes((line + "\n").getBytes(StandardCharsets.ISO_8859_1));
        return this;
    }

    PickleWriter raw(byte[] bytes) {
        out.writeBytes(bytes);
        return this;
    }

    /** The persistent id of a float storage. */
    PickleWriter floatStorage(String key, int elements) {
        op(Opcode.MARK)
                .text("storage")
                .global("torch", "FloatStorage")
                .text(key)
                .text("cpu")
                .integer(elements);
        return op(Opcode.TUPLE, Opcode.BINPERSID);
    }

    /** {@code _rebuild_tensor_v2} over the storage that {@code storage} writes. */
    PickleWriter tensor(Runnable storage, long offset, int[] shape, int[] strides) {
        global("torch._utils", "_rebuild_tensor_v2").op(Opcode.MARK);
        storage.run();
        number(Opcode.LONG1, 8, 1).raw(littleEndian(offset)).tuple(shape).tuple(strides);
        return op(Opcode.NEWFALSE)
                .global("collections", "OrderedDict")
                .op(Opcode.EMPTY_TUPLE, Opcode.REDUCE)
                .op(Opcode.TUPLE, Opcode.REDUCE);
    }

    private PickleWriter tuple(int... values) {
        op(Opcode.MARK);
        for (int value : values) {
            integer(value);
        }
        return op(Opcode.TUPLE);
    }

    static byte[] littleEndian(long value) {
        byte[] bytes = new byte[8];
        for (int i = 0; i < 8; i++) {
            bytes[i] = (byte) (value >>> 8 * i);
        }
        return bytes;
    }

    /** The pickle so far, with STOP behind it. */
    byte[] stop() {
        out.write(Opcode.STOP);
        return out.toByteArray();
    }
}
