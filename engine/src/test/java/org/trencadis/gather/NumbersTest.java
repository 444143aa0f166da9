package org.trencadis.gather;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.trencadis.index.CatalogException;
import org.trencadis.index.Encoding;
import org.trencadis.tensor.Dtype;

class NumbersTest {
    private static double[] load(Dtype dtype, int count, String hex) {
        double[] numbers = new double[count * Numbers.partsOf(dtype)];
        Numbers.load(dtype, MemorySegment.ofArray(HexFormat.of().parseHex(hex.replace(" ", ""))), count, numbers);
        return numbers;
    }

    @Test
    void readsWholeNumbersOfEveryWidthAndSign() {
        assertArrayEquals(new double[] {-1, 1}, load(Dtype.INT8, 2, "ff 01"));
        assertArrayEquals(new double[] {255, 1}, load(Dtype.UINT8, 2, "ff 01"));
        assertArrayEquals(new double[] {1, 0}, load(Dtype.BOOL, 2, "01 00"));
        assertArrayEquals(new double[] {-2, 258}, load(Dtype.INT16, 2, "feff 0201"));
        assertArrayEquals(new double[] {65534}, load(Dtype.UINT16, 1, "feff"));
        assertArrayEquals(new double[] {-1}, load(Dtype.INT32, 1, "ffffffff"));
        assertArrayEquals(new double[] {4294967295.0}, load(Dtype.UINT32, 1, "ffffffff"));
        assertArrayEquals(new double[] {-2}, load(Dtype.INT64, 1, "feffffffffffffff"));
        assertArrayEquals(new double[] {0x1p64}, load(Dtype.UINT64, 1, "ffffffffffffffff"));
        assertArrayEquals(new double[] {0x1p63}, load(Dtype.UINT64, 1, "0000000000000080"));
    }

    @Test
    void readsFloatsAndComplexNumbers() {
        assertArrayEquals(new double[] {1, -2}, load(Dtype.FLOAT16, 2, "003c 00c0"));
        assertArrayEquals(new double[] {1, -2}, load(Dtype.BFLOAT16, 2, "803f 00c0"));
        assertArrayEquals(new double[] {1}, load(Dtype.FLOAT32, 1, "0000803f"));
        assertArrayEquals(new double[] {1}, load(Dtype.FLOAT64, 1, "000000000000f03f"));
        assertArrayEquals(new double[] {1, -2}, load(Dtype.COMPLEX32, 1, "003c 00c0"));
        assertArrayEquals(new double[] {1, 2}, load(Dtype.COMPLEX64, 1, "0000803f 00000040"));
    }

    @Test
    void readsEveryPatternOfTheEightBitFloatsAsTorchDoes() throws IOException {
        byte[] all = new byte[256];
        for (int bits = 0; bits < 256; bits++) {
            all[bits] = (byte) bits;
        }
        for (String line : ConvertTest.lines("float8.txt")) {
            String[] row = line.split(" ");
            double[] numbers = new double[256];
            Numbers.load(Dtype.find(row[0]), MemorySegment.ofArray(all), 256, numbers);
            for (int bits = 0; bits < 256; bits++) {
                double expected = row[1 + bits].equals("nan")
                        ? Double.NaN
                        : Float.intBitsToFloat(Integer.parseUnsignedInt(row[1 + bits], 16));
                assertEquals(expected, numbers[bits], row[0] + " " + bits);
            }
        }
    }

    @Test
    void readsPackedElementsFromTheLowestBitsUp() {
        // e2m1: 0.5 is 1, 6 is 7, -1 is 10.
        assertArrayEquals(new double[] {0.5, 6, -1}, load(Dtype.FLOAT4_E2M1FN, 3, "71 0a"));
        // e2m3: 000001 is 1/8, 011111 is 7.5, 100000 is -0; e3m2: 011111 is 28, 000001 is 1/16.
        int packed = 0b000001 | 0b011111 << 6 | 0b100000 << 12 | 0b111111 << 18;
        String hex = String.format(Locale.ROOT, "%02x%02x%02x", packed & 0xFF, packed >> 8 & 0xFF, packed >> 16 & 0xFF);
        assertArrayEquals(new double[] {0.125, 7.5, -0.0, -7.5}, load(Dtype.FLOAT6_E2M3FN, 4, hex));
        assertArrayEquals(new double[] {0.0625, 28, -0.0, -28}, load(Dtype.FLOAT6_E3M2FN, 4, hex));
    }

    private static byte[] decode(Dtype dtype, Encoding encoding, String hex) throws IOException {
        byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
        ElementEncoding.decode(dtype, encoding, MemorySegment.ofArray(bytes), 0, bytes.length / dtype.bytes());
        return bytes;
    }

    @Test
    void swapsConjugatesAndNegates() throws IOException {
        Encoding big = new Encoding(true, false, false, null);
        Encoding conjugate = new Encoding(false, true, false, null);
        Encoding negate = new Encoding(false, false, true, null);
        assertEquals("0201 0403", hex(decode(Dtype.FLOAT16, big, "0102 0304"), 2));
        assertEquals("04030201 08070605", hex(decode(Dtype.COMPLEX64, big, "01020304 05060708"), 4));
        assertEquals(
                "0807060504030201 0f0e0d0c0b0a0908",
                hex(decode(Dtype.COMPLEX128, big, "0102030405060708 08090a0b0c0d0e0f"), 8));
        assertEquals("0000803f 000000c0", hex(decode(Dtype.COMPLEX64, conjugate, "0000803f 00000040"), 4));
        assertEquals("0000803f", hex(decode(Dtype.FLOAT32, conjugate, "0000803f"), 4));
        assertEquals("0000803f 000000c0", hex(decode(Dtype.FLOAT32, negate, "000080bf 00000040"), 4));
        assertEquals("0000803f 000000c0", hex(decode(Dtype.COMPLEX64, negate, "000080bf 00000040"), 4));
        assertEquals("ffff 0100", hex(decode(Dtype.INT16, negate, "0100 ffff"), 2));
        assertEquals("ff 00 80", hex(decode(Dtype.INT8, negate, "01 00 80"), 1));
        assertEquals("80 00 81", hex(decode(Dtype.FLOAT8_E4M3FNUZ, negate, "80 00 01"), 1));
        assertEquals(
                "0000803f 00000040",
                hex(decode(Dtype.COMPLEX64, new Encoding(true, true, true, null), "bf800000 40000000"), 4));
        assertThrows(CatalogException.class, () -> decode(Dtype.BOOL, negate, "01"));
    }

    private static String hex(byte[] bytes, int width) {
        StringBuilder text = new StringBuilder();
        for (int at = 0; at < bytes.length; at += width) {
            text.append(at == 0 ? "" : " ").append(HexFormat.of().formatHex(bytes, at, at + width));
        }
        return text.toString();
    }

    @Test
    void comparesPackedElementsByTheirBits() {
        MemorySegment left = MemorySegment.ofArray(new byte[] {0x71, 0x0A, 0x55});
        MemorySegment right = MemorySegment.ofArray(new byte[] {0x72, 0x0A, 0x55});
        boolean[] nibbles = new boolean[6];
        boolean[] sixes = new boolean[4];
        for (int i = 0; i < 6; i++) {
            nibbles[i] = ElementBits.areEqual(Dtype.FLOAT4_E2M1FN, left, right, i);
        }
        for (int i = 0; i < 4; i++) {
            sixes[i] = ElementBits.areEqual(Dtype.FLOAT6_E2M3FN, left, right, i);
        }
        assertEquals("[false, true, true, true, true, true]", Arrays.toString(nibbles));
        assertEquals("[false, true, true, true]", Arrays.toString(sixes));
        MemorySegment zeros = MemorySegment.ofArray(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putFloat(0f)
                .putFloat(-0f)
                .array());
        assertTrue(ElementBits.areEqual(Dtype.FLOAT32, zeros, zeros, 1));
        assertEquals(0, zeros.get(ValueLayout.JAVA_BYTE, 0));
    }
}
