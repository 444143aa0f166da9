package org.trencadis.format;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Writes one value as its bytes. */
final class ValueEncoder {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** The bytes written so far. */
    byte[] finish() {
        return out.toByteArray();
    }

    /** Writes {@code value}, which stands {@code depth} containers deep. */
    void write(Value value, int depth) {
        if (depth > ValueCodec.MAX_DEPTH) {
            throw new IllegalArgumentException("value nests deeper than " + ValueCodec.MAX_DEPTH);
        }
        switch (value) {
            case Value.None none -> out.write(ValueCodec.NONE);
            case Value.Bool bool -> out.write(bool.value() ? ValueCodec.TRUE : ValueCodec.FALSE);
            case Value.Int number -> bytes(ValueCodec.INT, ValueCodec.littleEndian(number.value()));
            case Value.Real real -> {
                out.write(ValueCodec.REAL);
                fixed(Double.doubleToRawLongBits(real.value()));
            }
            case Value.Text text -> bytes(ValueCodec.TEXT, utf8(text.value()));
            case Value.Blob blob -> bytes(ValueCodec.BLOB, blob.value());
            case Value.Sequence sequence -> items(ValueCodec.SEQUENCE, sequence.items(), depth);
            case Value.Tuple tuple -> items(ValueCodec.TUPLE, tuple.items(), depth);
            case Value.Mapping mapping -> {
                out.write(ValueCodec.MAPPING);
                length(mapping.entries().size());
                for (Value.Entry entry : mapping.entries()) {
                    write(entry.key(), depth + 1);
                    write(entry.value(), depth + 1);
                }
            }
            case Value.Global global -> {
                bytes(ValueCodec.GLOBAL, utf8(global.module()));
                bytes(utf8(global.name()));
            }
            case Value.Instance instance -> {
                out.write(ValueCodec.INSTANCE);
                write(instance.callable(), depth + 1);
                write(instance.arguments(), depth + 1);
                write(instance.state(), depth + 1);
            }
            case Value.Tensor tensor -> {
                out.write(ValueCodec.TENSOR);
                out.write(tensor.dtypeCode());
                length(tensor.shape().size());
                tensor.shape().forEach(this::length);
                bytes(tensor.bytes().value());
            }
            case Value.Shared shared -> {
                out.write(ValueCodec.SHARED);
                length(shared.ordinal());
            }
        }
    }

    private void items(int tag, List<Value> items, int depth) {
        out.write(tag);
        length(items.size());
        for (Value item : items) {
            write(item, depth + 1);
        }
    }

    private void bytes(int tag, byte[] bytes) {
        out.write(tag);
        bytes(bytes);
    }

    private void bytes(byte[] bytes) {
        length(bytes.length);
        out.writeBytes(bytes);
    }

    private void length(long length) {
        if (length < 0) {
            throw new IllegalArgumentException("negative length " + length);
        }
        while (length > 0x7F) {
            out.write((int) (length & 0x7F | 0x80));
            length >>>= 7;
        }
        out.write((int) length);
    }

    private void fixed(long bits) {
        for (int i = 0; i < 8; i++) {
            out.write((int) (bits >>> 8 * i));
        }
    }

    private static byte[] utf8(String text) {
        try {
            ByteBuffer bytes = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            byte[] copy = new byte[bytes.remaining()];
            bytes.get(copy);
            return copy;
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("text is not Unicode", e);
        }
    }
}
