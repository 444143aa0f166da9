package org.trencadis.format;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

/** Reads one value from its bytes, which nobody vouches for: every count and depth is bounded before it is followed. */
final class ValueDecoder {
    /** Room made for a declared count: nested counts must not multiply what a few bytes can ask for. */
    private static final int MAX_PRESIZED = 64;

    private final ByteBuffer in;
    private final Place place;
    /** Containers that have started so far. */
    private long containers;

    ValueDecoder(byte[] bytes, Place place) {
        this.in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        this.place = place;
    }

    /** The value, to which all bytes must belong. */
    Value readAll() throws Corrupt {
        Value value = read(0);
        if (in.hasRemaining()) {
            throw corrupt("a value ends where its bytes end", 0, in.remaining() + " bytes more");
        }
        return value;
    }

    private Value read(int depth) throws Corrupt {
        if (depth > ValueCodec.MAX_DEPTH) {
            throw corrupt("values nest at most " + ValueCodec.MAX_DEPTH + " deep", ValueCodec.MAX_DEPTH, "more");
        }
        int tag = octet();
        return switch (tag) {
            case ValueCodec.NONE -> new Value.None();
            case ValueCodec.FALSE -> new Value.Bool(false);
            case ValueCodec.TRUE -> new Value.Bool(true);
            case ValueCodec.INT -> new Value.Int(number());
            case ValueCodec.REAL -> new Value.Real(Double.longBitsToDouble(fixed()));
            case ValueCodec.TEXT -> new Value.Text(text());
            case ValueCodec.BLOB -> new Value.Blob(bytes());
            case ValueCodec.SEQUENCE -> new Value.Sequence(items(depth));
            case ValueCodec.TUPLE -> new Value.Tuple(items(depth));
            case ValueCodec.MAPPING -> new Value.Mapping(entries(depth));
            case ValueCodec.GLOBAL -> new Value.Global(text(), text());
            case ValueCodec.INSTANCE -> instance(depth);
            case ValueCodec.TENSOR -> tensor();
            case ValueCodec.SHARED -> shared();
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
            throw corrupt("a shared reference names a container that started before", "below " + containers, ordinal);
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
        if (ValueCodec.littleEndian(number).length != bytes.length) {
            throw corrupt(
                    "a whole number has no superfluous bytes", ValueCodec.littleEndian(number).length, bytes.length);
        }
        return number;
    }

    private byte[] reversed(byte[] bytes, String what) throws Corrupt {
        if (bytes.length == 0) {
            throw corrupt("a " + what + " has bytes", "at least 1", 0);
        }
        return ValueCodec.reverse(bytes);
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

    private Corrupt corrupt(String rule, Object expected, Object actual) {
        Place at = new Place(place.resource(), place.section(), place.offsetBytes() + in.position());
        return new Corrupt(rule, expected, actual, at);
    }
}
