package org.trencadis.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;

class ValueCodecTest {
    private static final Place PLACE = new Place("file", "VALUES", 1000);

    private static Value decode(byte... bytes) throws Corrupt {
        return ValueCodec.decode(bytes, PLACE);
    }

    private static byte[] hex(String text) {
        return java.util.HexFormat.of().parseHex(text.replace(" ", ""));
    }

    @Test
    void everyValueComesBackAndHasOneEncoding() throws Corrupt {
        SplittableRandom random = new SplittableRandom(11);
        for (int round = 0; round < 2000; round++) {
            Value value = new RandomValues(random).next(0);
            byte[] bytes = ValueCodec.encode(value);
            Value back = ValueCodec.decode(bytes, PLACE);
            assertEquals(value, back);
            assertArrayEquals(bytes, ValueCodec.encode(back));
        }
    }

    /** Random trees whose shared references name containers that started before. */
    private static final class RandomValues {
        private final SplittableRandom random;
        private long containers;

        RandomValues(SplittableRandom random) {
            this.random = random;
        }

        Value next(int depth) {
            int kind = random.nextInt(depth > 6 ? 7 : 14);
            return switch (kind) {
                case 0 -> new Value.None();
                case 1 -> new Value.Bool(random.nextBoolean());
                case 2 ->
                    new Value.Int(new BigInteger(random.nextInt(200), new java.util.Random(random.nextLong()))
                            .subtract(BigInteger.valueOf(random.nextInt(3))));
                case 3 -> new Value.Real(Double.longBitsToDouble(random.nextLong()));
                case 4 -> new Value.Text(text());
                case 5 -> new Value.Blob(blob());
                case 6 -> containers == 0 ? new Value.None() : new Value.Shared(random.nextLong(containers));
                case 7 -> new Value.Global("module." + text(), text());
                case 8 ->
                    new Value.Tensor(
                            1 + random.nextInt(24), List.of((long) random.nextInt(9), 3L), new Value.Blob(blob()));
                case 9, 10 -> sequence(depth);
                case 11 -> tuple(depth);
                case 12 -> mapping(depth);
                default -> {
                    containers++;
                    yield new Value.Instance(next(depth + 1), next(depth + 1), next(depth + 1));
                }
            };
        }

        private String text() {
            StringBuilder text = new StringBuilder();
            for (int left = random.nextInt(12); left > 0; left--) {
                text.appendCodePoint(random.nextBoolean() ? 'a' + random.nextInt(26) : 0x1F600 + random.nextInt(50));
            }
            return text.toString();
        }

        private byte[] blob() {
            byte[] bytes = new byte[random.nextInt(300)];
            random.nextBytes(bytes);
            return bytes;
        }

        private Value sequence(int depth) {
            containers++;
            return new Value.Sequence(items(depth));
        }

        private Value tuple(int depth) {
            containers++;
            return new Value.Tuple(items(depth));
        }

        private List<Value> items(int depth) {
            List<Value> items = new ArrayList<>();
            for (int left = random.nextInt(5); left > 0; left--) {
                items.add(next(depth + 1));
            }
            return items;
        }

        private Value mapping(int depth) {
            containers++;
            List<Value.Entry> entries = new ArrayList<>();
            for (int left = random.nextInt(5); left > 0; left--) {
                entries.add(new Value.Entry(next(depth + 1), next(depth + 1)));
            }
            return new Value.Mapping(entries);
        }
    }

    @ParameterizedTest(name = "{0}: {1}")
    @CsvSource({
        "'', a value ends inside its bytes, 0",
        "00, a known value tag, 1",
        "0f, a known value tag, 1",
        "0101, a value ends where its bytes end, 1",
        "0400, a whole number has bytes, 2",
        "04020100, a whole number has no superfluous bytes, 4",
        "0402ffff, a whole number has no superfluous bytes, 4",
        "0500, a value ends inside its bytes, 1",
        "0603c3a9, a count fits the bytes left, 2",
        "0602c328, text is UTF-8, 4",
        "078000, a length has no superfluous bytes, 3",
        "07ffffffffffffffffff, a length is below 2^63, 10",
        "07ffffffffffffffff7f, a count fits the bytes left, 10",
        "0802, a count fits the bytes left, 2",
        "0a0101, a count fits the bytes left, 2",
        "0e00, a shared reference names a container that started before, 2",
        "08010e01, a shared reference names a container that started before, 4",
        "0d0c, a value ends inside its bytes, 2"
    })
    void whatIsNotOneValueIsCorrupt(String bytes, String rule, int offset) {
        Corrupt fault = assertThrows(Corrupt.class, () -> decode(hex(bytes)));
        assertEquals(rule, fault.rule());
        assertEquals(1000 + offset, fault.place().offsetBytes());
        assertEquals("VALUES", fault.place().section());
    }

    @Test
    void everyCutOfAValueIsCorrupt() throws Corrupt {
        Value value = new Value.Mapping(List.of(new Value.Entry(
                new Value.Text("key"), new Value.Tuple(List.of(new Value.Int(300), new Value.Real(1))))));
        byte[] bytes = ValueCodec.encode(value);
        for (int length = 0; length < bytes.length; length++) {
            byte[] cut = Arrays.copyOf(bytes, length);
            assertThrows(Corrupt.class, () -> decode(cut));
        }
    }

    @Test
    void valuesNestAsDeepAsTheLimitAndNoDeeper() throws Corrupt {
        Value value = new Value.None();
        for (int depth = 0; depth < ValueCodec.MAX_DEPTH; depth++) {
            value = new Value.Sequence(List.of(value));
        }
        Value deepest = value;
        assertEquals(deepest, ValueCodec.decode(ValueCodec.encode(deepest), PLACE));
        Value tooDeep = new Value.Sequence(List.of(deepest));
        assertThrows(IllegalArgumentException.class, () -> ValueCodec.encode(tooDeep));
        byte[] bytes = new byte[2 * (ValueCodec.MAX_DEPTH + 1) + 1];
        for (int at = 0; at + 1 < bytes.length; at += 2) {
            bytes[at] = 8;
            bytes[at + 1] = 1;
        }
        bytes[bytes.length - 1] = 1;
        Corrupt fault = assertThrows(Corrupt.class, () -> decode(bytes));
        assertEquals("values nest at most 200 deep", fault.rule());
    }

    @Test
    void halfACharacterIsNotWritten() {
        assertThrows(IllegalArgumentException.class, () -> ValueCodec.encode(new Value.Text("\uD800")));
    }

    @Test
    void noBytesAreReadAsAnythingButTheirOwnEncoding() {
        SplittableRandom random = new SplittableRandom(5);
        int read = 0;
        for (int round = 0; round < 200_000; round++) {
            byte[] bytes = new byte[1 + random.nextInt(12)];
            random.nextBytes(bytes);
            for (int i = 0; i < bytes.length; i++) {
                bytes[i] = random.nextInt(3) == 0 ? bytes[i] : (byte) random.nextInt(16);
            }
            try {
                assertArrayEquals(bytes, ValueCodec.encode(decode(bytes)));
                read++;
            } catch (Corrupt e) {
                assertTrue(e.place().offsetBytes() >= 1000);
            }
        }
        assertTrue(read > 1000, "values among them: " + read);
    }
}
