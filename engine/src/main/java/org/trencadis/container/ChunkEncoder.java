package org.trencadis.container;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.zip.CRC32C;
import org.trencadis.codec.Codec;
import org.trencadis.format.FormatException.Place;
import org.trencadis.format.FormatLimits;

/**
 * Encodes chunks for one thread at a time: with the wanted codec where that pays, else raw. What was encoded is decoded
 * and compared.
 */
final class ChunkEncoder implements AutoCloseable {
    private final Codec codec;
    private final Arena arena = Arena.ofShared();
    private MemorySegment encoded;
    private MemorySegment decoded;
    private MemorySegment fetched;

    ChunkEncoder(Codec codec) {
        this.codec = codec;
    }

    /**
     * A chunk as it will be stored.
     *
     * @param bytes valid until the encoder is used again
     * @param crc CRC32C over {@code bytes}
     */
    record Encoded(ByteBuffer bytes, int decodedBytes, Codec codec, int crc) {}

    /** Encodes the remaining bytes of {@code source}, a private direct buffer. */
    Encoded encode(ByteBuffer source) throws IOException {
        ByteBuffer room = codec == Codec.RAW ? null : encodedRoom();
        boolean pays = room != null && codec.encode(source, room);
        if (pays) {
            check(source, room);
        }
        ByteBuffer bytes = pays ? room : source.duplicate();
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return new Encoded(bytes, source.remaining(), pays ? codec : Codec.RAW, (int) crc.getValue());
    }

    private void check(ByteBuffer source, ByteBuffer stored) throws IOException {
        if (decoded == null) {
            decoded = arena.allocate(FormatLimits.CHUNK_BYTES, 64);
        }
        ByteBuffer copy = decoded.asByteBuffer().limit(source.remaining());
        codec.decode(stored, copy, new Place("a chunk that was just encoded", codec.name(), 0));
        if (copy.mismatch(source) >= 0) {
            throw new IOException("a chunk that was just encoded with " + codec + " decodes to other bytes at "
                    + copy.mismatch(source) + ": memory or compressor is at fault");
        }
    }

    /** How {@code bytes} would be stored, given that they are known to be stored as {@code found} somewhere. */
    Codec codecOf(ByteBuffer bytes, Codec found) {
        if (found == codec || codec == Codec.RAW) {
            return codec;
        }
        return codec.encode(bytes, encodedRoom()) ? codec : Codec.RAW;
    }

    private ByteBuffer encodedRoom() {
        if (encoded == null) {
            encoded = arena.allocate(Codec.roomBytes(FormatLimits.CHUNK_BYTES), 64);
        }
        return encoded.asByteBuffer();
    }

    /** A direct buffer of {@code bytes} bytes for a chunk that has to be fetched; valid until it is asked for again. */
    MemorySegment room(int bytes) {
        if (fetched == null) {
            fetched = arena.allocate(FormatLimits.CHUNK_BYTES, 64);
        }
        return fetched.asSlice(0, bytes);
    }

    @Override
    public void close() {
        arena.close();
    }
}
