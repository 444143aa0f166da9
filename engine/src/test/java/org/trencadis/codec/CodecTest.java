package org.trencadis.codec;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.trencadis.format.FormatException;
import org.trencadis.format.FormatException.Corrupt;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;

class CodecTest {
    private static final Place PLACE = new Place("test", "chunk 0", 0);

    private static ByteBuffer direct(byte[] bytes) {
        return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    }

    private static ByteBuffer room(int sourceBytes) {
        return ByteBuffer.allocateDirect(Codec.roomBytes(sourceBytes));
    }

    /** Bytes of a small alphabet in runs, which every codec shrinks. */
    private static byte[] compressible(int length, long seed) {
        Random random = new Random(seed);
        byte[] bytes = new byte[length];
        for (int at = 0; at < length; ) {
            byte value = (byte) random.nextInt(4);
            for (int run = 1 + random.nextInt(60); run > 0 && at < length; run--) {
                bytes[at++] = value;
            }
        }
        return bytes;
    }

    private static byte[] decode(Codec codec, ByteBuffer stored, int bytes) throws FormatException {
        ByteBuffer target = ByteBuffer.allocateDirect(bytes);
        codec.decode(stored, target, PLACE);
        byte[] decoded = new byte[bytes];
        target.get(decoded);
        return decoded;
    }

    @ParameterizedTest
    @EnumSource(
            value = Codec.class,
            names = {"LZ4", "ZSTD"})
    void whatIsEncodedComesBack(Codec codec) throws FormatException {
        for (int length : new int[] {64, 1000, 65_536, 1_000_003, FormatLimits.CHUNK_BYTES}) {
            byte[] bytes = compressible(length, length);
            ByteBuffer source = direct(bytes);
            ByteBuffer stored = room(length);
            assertTrue(codec.encode(source, stored), codec + " of " + length);
            assertEquals(length, source.remaining());
            assertTrue(stored.remaining() <= length - length / 16, codec + " of " + length);
            assertArrayEquals(bytes, decode(codec, stored, length));
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void noiseAndSingleBytesAreNotWorthEncoding(Codec codec) {
        byte[] noise = new byte[100_000];
        new Random(5).nextBytes(noise);
        assertFalse(codec.encode(direct(noise), room(noise.length)));
        assertFalse(codec.encode(direct(new byte[1]), room(1)));
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void aChunkOfAnotherLengthIsCorrupt(Codec codec) {
        byte[] bytes = compressible(10_000, 3);
        ByteBuffer stored = room(bytes.length);
        if (!codec.encode(direct(bytes), stored)) {
            stored = direct(bytes);
        }
        ByteBuffer encoded = stored;
        for (int wrong : new int[] {0, 1, 9_999, 10_001}) {
            assertThrows(Corrupt.class, () -> codec.decode(encoded, ByteBuffer.allocateDirect(wrong), PLACE));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Codec.class,
            names = {"LZ4", "ZSTD"})
    void damagedBytesNeverWriteBeyondTheTarget(Codec codec) {
        byte[] bytes = compressible(20_000, 9);
        ByteBuffer stored = room(bytes.length);
        assertTrue(codec.encode(direct(bytes), stored));
        byte[] good = new byte[stored.remaining()];
        stored.get(good);
        Random random = new Random(17);
        for (int round = 0; round < 2000; round++) {
            byte[] damaged = good.clone();
            damaged[random.nextInt(damaged.length)] ^= (byte) (1 + random.nextInt(255));
            ByteBuffer guarded = ByteBuffer.allocateDirect(bytes.length + 64);
            try {
                codec.decode(direct(damaged), guarded.slice(0, bytes.length), PLACE);
            } catch (Corrupt e) {
                assertTrue(e.getMessage().contains("chunk 0"), e.getMessage());
            } catch (FormatException e) {
                throw new AssertionError("damage is corrupt", e);
            }
            for (int at = bytes.length; at < guarded.capacity(); at++) {
                assertEquals(0, guarded.get(at), "byte beyond the target, round " + round);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Codec.class)
    void codesLeadBackToCodecs(Codec codec) {
        assertEquals(codec, Codec.find(codec.code()));
        assertNull(Codec.find(0));
        assertNull(Codec.find(4));
    }
}
