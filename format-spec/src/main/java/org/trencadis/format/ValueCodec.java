package org.trencadis.format;

import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
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

    /** Room made for a declared count: nested counts must not multiply what a few bytes can ask for. */
    private static final int MAX_PRESIZED = 64;

    private static final int NONE = 1;
    private static final int FALSE = 2;
    private static final int TRUE = 3;
    private static final int INT = 4;
    private static final int REAL = 5;
    private static final int TEXT = 6;
    private static final int BLOB = 7;
    private static final int SEQUENCE = 8;
    private static final int TUPLE = 9;
    private static final int MAPPING = 10;
    private static final int GLOBAL = 11;
    private static final int INSTANCE = 12;
    private static final int TENSOR = 13;
    private static final int SHARED = 14;

    private ValueCodec() {}

    /**
     * The bytes of {@code value}.
     *
     * @throws IllegalArgumentException when it nests deeper than {@link #MAX_DEPTH} or holds text that is not Unicode
     */
    public static byte[] encode(Value value) {
        Encoder encoder = new Encoder();
        encoder.write(value, 0);
        return encoder.out.toByteArray();
    }

    /**
     * The value of {@code bytes}, all of which must belong to it.
     *
     * @throws Corrupt when the bytes are not one value
     */
    public static Value decode(byte[] bytes, Place place) throws Corrupt {
        Decoder decoder = new Decoder(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN), place);
        Value value = decoder.read(0);
        if (decoder.in.hasRemaining()) {
            throw decoder.corrupt("a value ends where its bytes end", 0, decoder.in.remaining() + " bytes more");
        }
        return value;
    }

    private static final class Encoder {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        void write(Value value, int depth) {
            if (depth > MAX_DEPTH) {
                throw new IllegalArgumentException("value nests deeper than " + MAX_DEPTH);
            }
            switch (value) {
                case Value.None none -> out.write(NONE);
                case Value.Bool bool -> out.write(bool.value() ? TRUE : FALSE);
                case Value.Int number -> bytes(INT, littleEndian(number.value()));
                case Value.Real real -> {
                    out.write(REAL);
                    fixed(Double.doubleToRawLongBits(real.value()));
                }
                case Value.Text text -> bytes(TEXT, utf8(text.value()));
                case Value.Blob blob -> bytes(BLOB, blob.value());
                case Value.Sequence sequence -> items(SEQUENCE, sequence.items(), depth);
                case Value.Tuple tuple -> items(TUPLE, tuple.items(), depth);
                case Value.Mapping mapping -> {
                    out.write(MAPPING);
                    length(mapping.entries().size());
                    for (Value.Entry entry : mapping.entries()) {
                        write(entry.key(), depth + 1);
                        write(entry.value(), depth + 1);
                    }
                }
                case Value.Global global -> {
                    bytes(GLOBAL, utf8(global.module()));
                    bytes(utf8(global.name()));
                }
                case Value.Instance instance -> {
                    out.write(INSTANCE);
                    write(instance.callable(), depth + 1);
                    write(instance.arguments(), depth + 1);
                    write(instance.state(), depth + 1);
                }
                case Value.Tensor tensor -> {
                    out.write(TENSOR);
                    out.write(tensor.dtypeCode());
                    length(tensor.shape().size());
                    tensor.shape().forEach(this::length);
                    bytes(tensor.bytes().value());
                }
                case Value.Shared shared -> {
                    out.write(SHARED);
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
    }

    private static final class Decoder {
        private final ByteBuffer in;
        private final Place place;
        /** Containers that have started so far. */
        private long containers;

        Decoder(ByteBuffer in, Place place) {
            this.in = in;
            this.place = place;
        }

        Value read(int depth) throws Corrupt {
            if (depth > MAX_DEPTH) {
                throw corrupt("values nest at most " + MAX_DEPTH + " deep", MAX_DEPTH, "more");
            }
            int tag = octet();
            return switch (tag) {
                case NONE -> new Value.None();
                case FALSE -> new Value.Bool(false);
                case TRUE -> new Value.Bool(true);
                case INT -> new Value.Int(number());
                case REAL -> new Value.Real(Double.longBitsToDouble(fixed()));
                case TEXT -> new Value.Text(text());
                case BLOB -> new Value.Blob(bytes());
                case SEQUENCE -> new Value.Sequence(items(depth));
                case TUPLE -> new Value.Tuple(items(depth));
                case MAPPING -> new Value.Mapping(entries(depth));
                case GLOBAL -> new Value.Global(text(), text());
                case INSTANCE -> instance(depth);
                case TENSOR -> tensor();
                case SHARED -> shared();
                default -> throw corrupt("a known value tag", "1 to 14", tag);
            };
        }

        private Value.Tensor tensor() throws Corrupt {
            int code = octet();
            List<Long> shape = new ArrayList<>();
            for (int order = count(1); order > 0; order--) {
                shape.add(length());
            }
            return new Value.Tensor(code, shape, new Value.Blob(bytes()));
        }

        private Value.Instance instance(int depth) throws Corrupt {
            containers++;
            return new Value.Instance(read(depth + 1), read(depth + 1), read(depth + 1));
        }

        private Value.Shared shared() throws Corrupt {
            long ordinal = length();
            if (ordinal >= containers) {
                throw corrupt(
                        "a shared reference names a container that started before", "below " + containers, ordinal);
            }
            return new Value.Shared(ordinal);
        }

        private List<Value> items(int depth) throws Corrupt {
            containers++;
            int count = count(1);
            List<Value> items = new ArrayList<>(Math.min(count, MAX_PRESIZED));
            for (int i = 0; i < count; i++) {
                items.add(read(depth + 1));
            }
            return items;
        }

        private List<Value.Entry> entries(int depth) throws Corrupt {
            containers++;
            int count = count(2);
            List<Value.Entry> entries = new ArrayList<>(Math.min(count, MAX_PRESIZED));
            for (int i = 0; i < count; i++) {
                entries.add(new Value.Entry(read(depth + 1), read(depth + 1)));
            }
            return entries;
        }

        /** A count of things of at least {@code leastBytes} each: never more than the bytes that are left can hold. */
        private int count(int leastBytes) throws Corrupt {
            long count = length();
            if (count > in.remaining() / leastBytes) {
                throw corrupt("a count fits the bytes left", "at most " + in.remaining() / leastBytes, count);
            }
            return (int) count;
        }

        private byte[] bytes() throws Corrupt {
            byte[] bytes = new byte[count(1)];
            in.get(bytes);
            return bytes;
        }

        private BigInteger number() throws Corrupt {
            byte[] bytes = bytes();
            BigInteger number = new BigInteger(reversed(bytes, "whole number"));
            if (littleEndian(number).length != bytes.length) {
                throw corrupt("a whole number has no superfluous bytes", littleEndian(number).length, bytes.length);
            }
            return number;
        }

        private byte[] reversed(byte[] bytes, String what) throws Corrupt {
            if (bytes.length == 0) {
                throw corrupt("a " + what + " has bytes", "at least 1", 0);
            }
            return reverse(bytes);
        }

        private String text() throws Corrupt {
            try {
                return StandardCharsets.UTF_8
                        .newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .decode(ByteBuffer.wrap(bytes()))
                        .toString();
            } catch (CharacterCodingException e) {
                throw corrupt("text is UTF-8", "UTF-8", "other bytes");
            }
        }

        private long length() throws Corrupt {
            long length = 0;
            for (int shift = 0; shift < 63; shift += 7) {
                int octet = octet();
                length |= (long) (octet & 0x7F) << shift;
                if (octet < 0x80) {
                    if (octet == 0 && shift > 0) {
                        throw corrupt("a length has no superfluous bytes", "fewer bytes", "a zero byte at its end");
                    }
                    return length;
                }
            }
            throw corrupt("a length is below 2^63", "at most 9 bytes", "more");
        }

        private long fixed() throws Corrupt {
            if (in.remaining() < 8) {
                throw corrupt("a value ends inside its bytes", "8 bytes", in.remaining());
            }
            return in.getLong();
        }

        private int octet() throws Corrupt {
            if (!in.hasRemaining()) {
                throw corrupt("a value ends inside its bytes", "1 byte", 0);
            }
            return Byte.toUnsignedInt(in.get());
        }

        Corrupt corrupt(String rule, Object expected, Object actual) {
            Place at = new Place(place.resource(), place.section(), place.offsetBytes() + in.position());
            return new Corrupt(rule, expected, actual, at);
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

    private static byte[] littleEndian(BigInteger number) {
        return reverse(number.toByteArray());
    }

    private static byte[] reverse(byte[] bytes) {
        byte[] reversed = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            reversed[i] = bytes[bytes.length - 1 - i];
        }
        return reversed;
    }
}
