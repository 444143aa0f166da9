package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;
import org.trencadis.tensor.Dtype;

class ConvertTest {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Converts all of {@code source}, which starts at an odd byte, as does the result. */
    private static MemorySegment convert(Dtype from, MemorySegment source, Dtype to) {
        long elements = (source.byteSize() - 1) / from.bytes();
        MemorySegment target = MemorySegment.ofArray(new byte[(int) (1 + elements * to.bytes())]);
        Convert.convert(from, source, 1, to, target, 1, elements);
        return target;
    }

    private static MemorySegment halves(int count) {
        return MemorySegment.ofArray(new byte[1 + 2 * count]);
    }

    private static MemorySegment allHalves() {
        MemorySegment all = halves(1 << 16);
        for (int bits = 0; bits < 1 << 16; bits++) {
            all.set(SHORT, 1 + 2L * bits, (short) bits);
        }
        return all;
    }

    private static boolean isNan(Dtype dtype, int bits) {
        return (bits & 0x7FFF) > (dtype == Dtype.BFLOAT16 ? 0x7F80 : 0x7C00);
    }

    private static float widen(Dtype dtype, int bits) {
        return dtype == Dtype.BFLOAT16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat((short) bits);
    }

    @Test
    void widensEverySixteenBitFloatExactlyAndRoundsItBack() {
        for (Dtype dtype : List.of(Dtype.FLOAT16, Dtype.BFLOAT16)) {
            MemorySegment all = allHalves();
            MemorySegment wide = convert(dtype, all, Dtype.FLOAT32);
            MemorySegment doubles = convert(dtype, all, Dtype.FLOAT64);
            MemorySegment back = convert(Dtype.FLOAT32, wide, dtype);
            MemorySegment backFromDoubles = convert(Dtype.FLOAT64, doubles, dtype);
            for (int bits = 0; bits < 1 << 16; bits++) {
                float number = Float.intBitsToFloat(wide.get(INT, 1 + 4L * bits));
                double wider = Double.longBitsToDouble(doubles.get(LONG, 1 + 8L * bits));
                if (isNan(dtype, bits)) {
                    assertTrue(Float.isNaN(number) && Double.isNaN(wider));
                    assertTrue(isNan(dtype, back.get(SHORT, 1 + 2L * bits)));
                } else {
                    assertEquals(widen(dtype, bits), number);
                    assertEquals(number, wider);
                    assertEquals((short) bits, back.get(SHORT, 1 + 2L * bits));
                    assertEquals((short) bits, backFromDoubles.get(SHORT, 1 + 2L * bits));
                }
            }
        }
    }

    /** Around the middle between two neighbours: the middle goes to the even one, the rest to the nearer one. */
    @Test
    void roundsOnceToNearestEvenAroundEveryMiddle() {
        for (Dtype dtype : List.of(Dtype.FLOAT16, Dtype.BFLOAT16)) {
            int infinity = dtype == Dtype.BFLOAT16 ? 0x7F80 : 0x7C00;
            double beyond = dtype == Dtype.BFLOAT16 ? 0x1p128 : 0x1p16;
            MemorySegment doubles = MemorySegment.ofArray(new byte[1 + 6 * 8 * infinity]);
            MemorySegment floats = MemorySegment.ofArray(new byte[1 + 6 * 4 * infinity]);
            for (int low = 0; low < infinity; low++) {
                double high = low + 1 == infinity ? beyond : widen(dtype, low + 1);
                double middle = (widen(dtype, low) + high) / 2;
                double[] near = {Math.nextDown(middle), middle, Math.nextUp(middle)};
                float[] nearFloats = {Math.nextDown((float) middle), (float) middle, Math.nextUp((float) middle)};
                for (int i = 0; i < 6; i++) {
                    double sign = i < 3 ? 1 : -1;
                    doubles.set(LONG, 1 + 8L * (6 * low + i), Double.doubleToRawLongBits(sign * near[i % 3]));
                    int bits = Float.floatToRawIntBits((float) sign * nearFloats[i % 3]);
                    floats.set(INT, 1 + 4L * (6 * low + i), bits);
                }
            }
            MemorySegment fromDoubles = convert(Dtype.FLOAT64, doubles, dtype);
            MemorySegment fromFloats = convert(Dtype.FLOAT32, floats, dtype);
            // The middle between float16 neighbours is a float32, but for the lowest of bfloat16, whose halves are not.
            for (int low = 0; low < infinity; low++) {
                for (int i = 0; i < 6; i++) {
                    int magnitude = i % 3 == 0 || i % 3 == 1 && low % 2 == 0 ? low : low + 1;
                    short expected = (short) (i < 3 ? magnitude : magnitude | 0x8000);
                    assertEquals(expected, fromDoubles.get(SHORT, 1 + 2L * (6 * low + i)), "double near " + low);
                    assertEquals(expected, fromFloats.get(SHORT, 1 + 2L * (6 * low + i)), "float near " + low);
                }
            }
        }
    }

    @Test
    void roundsAsTorchDoes() throws IOException {
        List<String> lines = lines("rounding.txt");
        MemorySegment floats = MemorySegment.ofArray(new byte[1 + 4 * lines.size()]);
        for (int i = 0; i < lines.size(); i++) {
            floats.set(INT, 1 + 4L * i, Integer.parseUnsignedInt(lines.get(i).split(" ")[0], 16));
        }
        MemorySegment bfloats = convert(Dtype.FLOAT32, floats, Dtype.BFLOAT16);
        MemorySegment halves = convert(Dtype.FLOAT32, floats, Dtype.FLOAT16);
        for (int i = 0; i < lines.size(); i++) {
            String[] row = lines.get(i).split(" ");
            assertEquals((short) Integer.parseInt(row[1], 16), bfloats.get(SHORT, 1 + 2L * i), lines.get(i));
            assertEquals((short) Integer.parseInt(row[2], 16), halves.get(SHORT, 1 + 2L * i), lines.get(i));
        }
        assertTrue(lines.size() > 2000);
    }

    static List<String> lines(String name) throws IOException {
        try (BufferedReader reader = new BufferedReader(new InputStreamReader(
                ConvertTest.class.getResourceAsStream("/conversions/" + name), StandardCharsets.US_ASCII))) {
            return reader.lines().toList();
        }
    }

    @Test
    void narrowsDoublesToFloatsAsThePlatformDoes() {
        Random random = new Random(1);
        int count = 200_000;
        MemorySegment doubles = MemorySegment.ofArray(new byte[1 + 8 * count]);
        double[] numbers = new double[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = Math.scalb(random.nextDouble() - 0.5, random.nextInt(320) - 160);
            doubles.set(LONG, 1 + 8L * i, Double.doubleToRawLongBits(numbers[i]));
        }
        MemorySegment floats = convert(Dtype.FLOAT64, doubles, Dtype.FLOAT32);
        MemorySegment halves = convert(Dtype.FLOAT32, floats, Dtype.FLOAT16);
        for (int i = 0; i < count; i++) {
            assertEquals(Float.floatToRawIntBits((float) numbers[i]), floats.get(INT, 1 + 4L * i));
            assertEquals(Float.floatToFloat16((float) numbers[i]), halves.get(SHORT, 1 + 2L * i));
        }
    }

    @Test
    void keepsNansWithTheirSignAndTheirHighestBits() {
        assertEquals("7fc0", one(Dtype.FLOAT32, 0xFF812345L, Dtype.BFLOAT16));
        assertEquals("7e09", one(Dtype.FLOAT32, 0x7F812345L, Dtype.FLOAT16));
        assertEquals("fe00", one(Dtype.FLOAT32, 0xFF800001L, Dtype.FLOAT16));
        assertEquals("7ff82468a0000000", one(Dtype.FLOAT32, 0x7F812345L, Dtype.FLOAT64));
        assertEquals("ffffffffe0000000", one(Dtype.FLOAT32, 0xFFFFFFFFL, Dtype.FLOAT64));
        assertEquals("7fe00000", one(Dtype.FLOAT64, 0x7FF4000000000000L, Dtype.FLOAT32));
        assertEquals("ffc00000", one(Dtype.FLOAT64, 0xFFF0000000000001L, Dtype.FLOAT32));
        assertEquals("7f00", one(Dtype.FLOAT64, 0x7FF4000000000000L, Dtype.FLOAT16));
        assertEquals("7fc0", one(Dtype.FLOAT64, 0xFFFFFFFFFFFFFFFFL, Dtype.BFLOAT16));
        assertEquals("7feaa000", one(Dtype.FLOAT16, 0x7D55L, Dtype.FLOAT32));
        assertEquals("ff810000", one(Dtype.BFLOAT16, 0xFF81L, Dtype.FLOAT32));
        assertEquals("fe08", one(Dtype.BFLOAT16, 0xFF81L, Dtype.FLOAT16));
        assertEquals("7fc0", one(Dtype.FLOAT16, 0xFC01L, Dtype.BFLOAT16));
        assertEquals("7d55", one(Dtype.FLOAT16, 0x7D55L, Dtype.FLOAT16));
    }

    /** The hexadecimal bits of one converted element. */
    private static String one(Dtype from, long bits, Dtype to) {
        MemorySegment source = MemorySegment.ofArray(new byte[9]);
        source.set(LONG, 1, bits);
        MemorySegment target = convert(from, source.asSlice(0, 1 + from.bytes()), to);
        StringBuilder hex = new StringBuilder();
        for (int at = to.bytes(); at > 0; at--) {
            hex.append(java.util.HexFormat.of().toHexDigits(target.get(ValueLayout.JAVA_BYTE, at)));
        }
        return hex.toString();
    }

    @Test
    void refusesOtherTypesButCopiesEqualOnes() {
        assertFalse(Convert.isPossible(Dtype.INT64, Dtype.FLOAT32));
        assertTrue(Convert.isPossible(Dtype.INT64, Dtype.INT64));
        MemorySegment source = MemorySegment.ofArray(new byte[16]);
        assertThrows(
                IllegalArgumentException.class,
                () -> Convert.convert(Dtype.INT64, source, 0, Dtype.FLOAT32, source, 8, 1));
        MemorySegment copy = MemorySegment.ofArray(new byte[3]);
        Convert.convert(Dtype.UINT8, MemorySegment.ofArray(new byte[] {1, 2, 3, 4}), 1, Dtype.UINT8, copy, 0, 3);
        assertArrayEquals(new byte[] {2, 3, 4}, copy.toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void findsTheFirstModelElementThatIsNoRounding() {
        Random random = new Random(3);
        int count = 10_000;
        for (Dtype dtype : List.of(Dtype.FLOAT16, Dtype.BFLOAT16, Dtype.FLOAT32)) {
            MemorySegment masters = MemorySegment.ofArray(new byte[1 + 4 * count]);
            for (int i = 0; i < count; i++) {
                masters.set(INT, 1 + 4L * i, random.nextInt(100) == 0 ? 0x7FC12345 : random.nextInt());
            }
            MemorySegment models = convert(Dtype.FLOAT32, masters, dtype);
            assertEquals(-1, Rounding.findDifference(masters, 1, dtype, models, 1, count));
            for (int planted : new int[] {0, 4095, 4096, 9_999}) {
                MemorySegment damaged = MemorySegment.ofArray(models.toArray(ValueLayout.JAVA_BYTE));
                masters.set(INT, 1 + 4L * planted, 0x3F800000);
                convertOne(masters, planted, dtype, models, damaged);
                assertEquals(-1, Rounding.findDifference(masters, 1, dtype, models, 1, count));
                assertEquals(planted, Rounding.findDifference(masters, 1, dtype, damaged, 1, count));
            }
        }
        // At 16 bits any NaN stands for any, but not for a number.
        IntPredicate passes = bits -> {
            MemorySegment master = MemorySegment.ofArray(new int[] {0x7FC00000});
            MemorySegment model = MemorySegment.ofArray(new short[] {(short) bits});
            return Rounding.findDifference(master, 0, Dtype.BFLOAT16, model, 0, 1) < 0;
        };
        assertTrue(passes.test(0x7FC0) && passes.test(0xFFFF) && passes.test(0x7FFF));
        assertFalse(passes.test(0x7F80) || passes.test(0x3F80));
    }

    private static void convertOne(
            MemorySegment masters, int at, Dtype dtype, MemorySegment models, MemorySegment damaged) {
        Convert.convert(Dtype.FLOAT32, masters, 1 + 4L * at, dtype, models, 1 + (long) dtype.bytes() * at, 1);
        MemorySegment.copy(models, 0, damaged, 0, models.byteSize());
        long last = 1 + (long) dtype.bytes() * at;
        damaged.set(ValueLayout.JAVA_BYTE, last, (byte) (damaged.get(ValueLayout.JAVA_BYTE, last) ^ 1));
    }
}
